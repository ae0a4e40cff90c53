"""Who saved the marks of an image: the name of the key.

Revision: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("marks", sa.Column("author", sa.Text(), nullable=True))
