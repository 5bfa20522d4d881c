#!/usr/bin/env bash
# One worker process a GPU of this machine, or one a core where it has none, until the queue is empty.
# Usage: SENSDB_DATABASE_URL=postgresql://lab@db/sensdb run-workers.sh [options of sensdb worker]
set -euo pipefail

: "${SENSDB_DATABASE_URL:?name the database, such as postgresql://lab@db/sensdb or sqlite:///sensdb.db}"

# exec: a signal to this script then reaches the worker, which releases what it has not finished.
exec sensdb worker --drain --device auto "$@"
