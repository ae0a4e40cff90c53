"""The pixel size of a project, where a person has said it.

Revision: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("pixel_size", sa.Double(), nullable=True))
    op.add_column("projects", sa.Column("unit", sa.Text(), nullable=True))
