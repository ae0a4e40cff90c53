"""The pack and the ready concept of a project; the stage of a job.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("pack", sa.Text(), nullable=True))
    op.add_column("projects", sa.Column("concept", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("stage", sa.Text(), nullable=True))
