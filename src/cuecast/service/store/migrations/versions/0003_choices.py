"""Which of several volumes the source of a project is.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("series", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("channel", sa.Integer(), nullable=True))
