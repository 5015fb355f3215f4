"""Which linked incidents need no comparison, since they show what they showed when there was nothing to do."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("link", sa.Column("fingerprint", sa.String, nullable=True))
