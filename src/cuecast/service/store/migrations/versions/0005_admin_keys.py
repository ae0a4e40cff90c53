"""Keys of admins, who may also take packs in and give them out.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("admin", sa.Boolean(), nullable=False, server_default=sa.false()))
