"""Marks that teach nothing: masks that a person has called right.

Revision: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("marks", sa.Column("teaches", sa.Boolean(), nullable=False, server_default=sa.true()))
