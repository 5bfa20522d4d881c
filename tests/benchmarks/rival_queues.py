"""Claim and finish of two other queues, one job at a time, in their own environment: what `queue` runs beside sensdb.

    python rival_queues.py procrastinate|pgqueuer URL N

Each through its own functions on one connection, without the loop of its worker: what is timed is what the database
and the driver cost. Prints {"jobs_per_second": ..., "version": ...}.
"""

import asyncio
import json
import sys
import time
import uuid
from datetime import timedelta
from importlib.metadata import version


async def procrastinate(url: str, n: int) -> float:
    """fetch_job, finish_job; finished jobs are kept, as sensdb keeps them."""
    from procrastinate import App, PsycopgConnector
    from procrastinate.jobs import Job, Status

    app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=1))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        manager = app.job_manager
        job = Job(queue="default", lock=None, queueing_lock=None, task_name="nothing")
        await manager.batch_defer_jobs_async([job] * n)
        worker_id = await manager.register_worker()
        await app.connector.execute_query_async("analyze")
        done = 0
        started = time.perf_counter()
        while (job := await manager.fetch_job(None, worker_id)) is not None:
            await manager.finish_job(job, Status.SUCCEEDED, delete_job=False)
            done += 1
        taken = time.perf_counter() - started
    assert done == n, done
    return n / taken


async def pgqueuer(url: str, n: int) -> float:
    """dequeue by 1, log_jobs, over asyncpg, the quickest of its drivers."""
    import asyncpg
    from pgqueuer.ports.repository import EntrypointExecutionParameter
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(url)
    queries = Queries.from_asyncpg_connection(connection)
    await queries.install()
    await queries.enqueue(["nothing"] * n, [None] * n, [0] * n)
    await connection.execute("analyze")
    asked = {"nothing": EntrypointExecutionParameter(concurrency_limit=0)}
    manager_id = uuid.uuid4()
    done = 0
    started = time.perf_counter()
    while jobs := await queries.dequeue(1, asked, manager_id, None, timedelta(seconds=120)):
        await queries.log_jobs([(job, "successful", None) for job in jobs])
        done += len(jobs)
    taken = time.perf_counter() - started
    await connection.close()
    assert done == n, done
    return n / taken


if __name__ == "__main__":
    name, url, n = sys.argv[1:]
    rate = asyncio.run({"procrastinate": procrastinate, "pgqueuer": pgqueuer}[name](url, int(n)))
    print(json.dumps({"jobs_per_second": rate, "version": version(name)}))
