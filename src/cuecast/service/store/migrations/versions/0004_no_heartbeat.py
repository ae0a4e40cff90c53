"""No heartbeats: the server that holds the data folder knows its workers.

Revision: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("jobs", "heartbeat")
