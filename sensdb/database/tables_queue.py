"""What is to be trained and how far it is: sweeps, models, jobs, attempts, workers, and the tables of one row.

Constraints on jobs restate the promises of the queue that a single row can break (design.md 5): an UPDATE that
forgot a column fails at once instead of leaving a job that no worker will ever take.
"""

from __future__ import annotations

import sqlalchemy as sa

from sensdb.database.columns import (
    DatabaseNow,
    bigint,
    flag,
    integer,
    model_key,
    moment,
    one_of,
    real,
    serial,
    sha256,
    table,
    text,
)

JOB_STATES = ("queued", "running", "done", "dead", "cancelled")
JOB_KINDS = ("train", "measure")
ATTEMPT_OUTCOMES = ("done", "failed", "released", "lost")

sweeps = table(
    "sweeps",
    serial("sweep_id", "Number of the sweep, given by the database."),
    text("name", "Name of the sweep: letters, digits, - and _.", unique=True),
    text("description", "What the sweep asks, in the words of its file.", nullable=True),
    integer("priority", "Priority of the sweep's jobs; higher is claimed first.", server_default=sa.text("0")),
    flag("paused", "Whether no job that belongs to this sweep alone is claimed.", server_default=sa.false()),
    moment("created_at", "When the sweep was first enqueued.", server_default=DatabaseNow()),
    comment="A named definition that expands to specs; one row a sweep.",
    sqlite_autoincrement=True,
)

sweep_definitions = table(
    "sweep_definitions",
    sa.Column(
        "sweep_id",
        sweeps.c.sweep_id.type,
        sa.ForeignKey("sweeps.sweep_id"),
        primary_key=True,
        comment="The sweep; key of table sweeps.",
    ),
    sha256("definition_sha256", "SHA-256 of the definition's text.", primary_key=True),
    text("definition", "The text of the sweep file as it was enqueued."),
    moment("enqueued_at", "When this text was first enqueued.", server_default=DatabaseNow()),
    integer("n_models", "Models this text expanded to."),
    comment="Every text a sweep was enqueued with; one row a sweep and text.",
)

models = table(
    "models",
    serial("model_id", "Number of the model, given by the database; a smaller one is older."),
    sha256("spec_sha256", "SHA-256 of the canonical spec; equal networks have equal ones.", unique=True),
    sha256("configuration_sha256", "SHA-256 of the canonical spec without its seed; replicas share it."),
    text("spec", "The spec in its canonical form, JSON with sorted keys and every default filled in."),
    text("dataset", "Data set: a built-in name, or npz: and the SHA-256 of the arrays."),
    integer("n_train", "Training points asked for; NULL means all.", nullable=True),
    integer("crop", "Side of the centre crop; NULL means none.", nullable=True, unit="pixels"),
    integer("hidden_layers", "Hidden layers; the paper's depth minus one."),
    integer("width", "Units of each hidden layer; NULL where they differ or there is none.", nullable=True),
    text("widths", "Units of the hidden layers, first to last, as a JSON list."),
    text("nonlinearity", "Nonlinearity of the hidden units."),
    flag("biases", "Whether layers have biases."),
    real("weight_scale", "Factor on the standard deviation of the initial weights."),
    real("label_noise", "Share of training labels redrawn at random; 1 is random labels."),
    text("augmentation", "Augmentations in fixed order joined by commas, or none.", nullable=True),
    text("loss", "Training loss: cross_entropy or squared.", nullable=True),
    text("optimizer", "Optimizer; NULL for an imported network.", nullable=True),
    real("momentum", "Momentum; NULL unless the optimizer is momentum."),
    real("learning_rate", "Initial learning rate; NULL for lbfgs."),
    integer(
        "learning_rate_drop_epochs",
        "Epochs after which the learning rate is multiplied by 0.1, again and again; NULL means never.",
        nullable=True,
        unit="epochs",
    ),
    integer("batch_size", "Training points a step; NULL for the full batch.", nullable=True, unit="points"),
    flag("full_batch", "Whether each step uses all training points.", nullable=True),
    integer("max_steps", "Steps after which training ends in any case.", nullable=True, unit="steps"),
    text("stop_rule", "What may end training earlier: never, fitted, or loss.", nullable=True),
    real("stop_loss", "Training loss below which training ends; NULL unless stop_rule is loss."),
    text("dtype", "Number format of training: float32 or float64."),
    bigint("seed", "Seed of weights, batches, label noise and augmentation.", nullable=True),
    sha256("source_sha256", "SHA-256 of an imported network's file; NULL where trained here.", nullable=True),
    integer("n_train_points", "Training points used.", nullable=True, unit="points"),
    integer("n_test_points", "Test points of the data set.", unit="points"),
    integer("n_classes", "Classes of the data set."),
    integer("input_size", "Inputs of the network: height x width x channels after cropping."),
    bigint("n_parameters", "Weights and biases of the network."),
    bigint("n_hidden_units", "Hidden units of the network."),
    moment("created_at", "When the model was first enqueued.", server_default=DatabaseNow()),
    sa.Index("ix_models_configuration_sha256", "configuration_sha256"),
    comment="One spec, trained at most once; one row a model, before and after it is trained.",
    sqlite_autoincrement=True,
)

sweep_models = table(
    "sweep_models",
    sa.Column(
        "sweep_id",
        sweeps.c.sweep_id.type,
        sa.ForeignKey("sweeps.sweep_id"),
        primary_key=True,
        comment="The sweep; key of table sweeps.",
    ),
    model_key(primary_key=True),
    sa.Index("ix_sweep_models_model_id", "model_id"),
    comment="Which models a sweep holds; a model may belong to several sweeps and is trained once.",
    sqlite_with_rowid=False,
)

CLAIMABLE = sa.text("state = 'queued' AND NOT held")

jobs = table(
    "jobs",
    model_key(primary_key=True),
    one_of("state", "queued, running, done, dead (a budget is spent) or cancelled.", JOB_STATES),
    one_of("kind", "What is to be done: train (and measure), or measure stored weights.", JOB_KINDS),
    text("measure", "What to measure: the union over the model's sweeps, canonical JSON."),
    flag("held", "Whether every sweep of the model is paused; a held job is not claimed.", server_default=sa.false()),
    integer("priority", "Higher is claimed first; the largest of its sweeps.", server_default=sa.text("0")),
    text("pack_key", "Jobs of one pack_key can be trained as one pack."),
    moment("run_after", "Not claimed before this moment.", server_default=DatabaseNow()),
    integer("attempt", "Number of the last attempt; never lowered or given out twice.", server_default=sa.text("0")),
    integer("exceptions", "Attempts that ended in an exception, since the last retry.", server_default=sa.text("0")),
    integer("losses", "Attempts whose worker was lost, since the last retry.", server_default=sa.text("0")),
    text("worker_id", "The worker that runs it, or that ran it last; NULL when queued again.", nullable=True),
    moment("lease_until", "When the running worker counts as lost; NULL unless running.", nullable=True),
    flag("cancel_requested", "Whether a running job is to be given up.", server_default=sa.false()),
    moment("finished_at", "When the job became done, dead or cancelled.", nullable=True),
    # A NULL lease is never past, so such a job would run for ever; SQLite makes NULL of a malformed time modifier.
    sa.CheckConstraint("(state = 'running') = (lease_until IS NOT NULL)", name="lease_exactly_while_running"),
    sa.CheckConstraint("state <> 'running' OR worker_id IS NOT NULL", name="running_has_a_worker"),
    sa.CheckConstraint(
        "(state IN ('done', 'dead', 'cancelled')) = (finished_at IS NOT NULL)", name="finished_exactly_when_ended"
    ),
    sa.CheckConstraint("state = 'running' OR NOT cancel_requested", name="cancel_request_only_while_running"),
    sa.CheckConstraint(
        "exceptions >= 0 AND losses >= 0 AND attempt >= exceptions + losses", name="attempts_cover_the_budgets"
    ),
    comment="A model's place in the queue; one row a model.",
    # Room for beats to rewrite rows in their page; vacuum early, for dead entries at the head slow every claim.
    postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02},
)

# Age is model_id: a job that was released or retried keeps its place.
sa.Index("ix_jobs_queued", jobs.c.priority.desc(), jobs.c.model_id, sqlite_where=CLAIMABLE, postgresql_where=CLAIMABLE)
sa.Index(
    "ix_jobs_queued_pack",
    jobs.c.pack_key,
    jobs.c.priority.desc(),
    jobs.c.model_id,
    sqlite_where=CLAIMABLE,
    postgresql_where=CLAIMABLE,
)
# None on lease_until: a beat would then rewrite an index entry a job instead of the row alone.
sa.Index(
    "ix_jobs_running",
    jobs.c.worker_id,
    sqlite_where=sa.text("state = 'running'"),
    postgresql_where=sa.text("state = 'running'"),
)

attempts = table(
    "attempts",
    model_key(primary_key=True),
    integer("attempt", "Number of the attempt, from 1.", primary_key=True, autoincrement=False),
    one_of("kind", "What was tried: train or measure.", JOB_KINDS),
    # No foreign key: rows of old workers may be removed, and a claim must not hang on a second table.
    text("worker_id", "The worker that tried."),
    moment("claimed_at", "When the attempt began."),
    moment("ended_at", "When the attempt ended; NULL while it runs.", nullable=True),
    one_of(
        "outcome",
        "done, failed (an exception), released (given back uncharged), lost (the worker fell silent), or NULL.",
        ATTEMPT_OUTCOMES,
        nullable=True,
    ),
    text("error_type", "Name of the exception that ended the attempt.", nullable=True),
    text("error_message", "Its message.", nullable=True),
    text("traceback", "Its traceback.", nullable=True),
    sa.CheckConstraint("attempt >= 1", name="attempt_from_1"),
    sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_exactly_with_an_outcome"),
    comment="One try at a job by one worker; one row a model and attempt.",
)

workers = table(
    "workers",
    text("worker_id", "Name of the worker, new at each start.", primary_key=True),
    text("host", "Host it runs on."),
    text("boot_id", "Which start of that host, so that process numbers can be compared.", nullable=True),
    integer("pid", "Process number on that host."),
    text("device", "Device as torch names it: cpu, cuda:0."),
    text("device_name", "The device's model name.", nullable=True),
    text("device_class", "Devices of one class give the same bits."),
    text("versions", "Versions of sensdb, the engine and the libraries, JSON."),
    moment("started_at", "When it started.", server_default=DatabaseNow()),
    moment("beat_at", "When it was last heard from.", server_default=DatabaseNow()),
    moment("stopped_at", "When it stopped in good order; NULL while it runs, or if it was lost.", nullable=True),
    bigint("models_done", "Models it has finished.", server_default=sa.text("0")),
    real("model_steps_per_second", "Training steps of all its models together.", unit="1/s"),
    comment="The processes that train; one row a start of a worker.",
)

queue_settings = table(
    "queue_settings",
    integer("id", "Always 1: the table has one row.", primary_key=True, autoincrement=False),
    real("lease_seconds", "How long a job stays with a worker that is not heard from.", nullable=False, unit="s"),
    real("beat_seconds", "Time between two beats of a worker.", nullable=False, unit="s"),
    real("reap_seconds", "Time between two looks of a worker for lapsed leases.", nullable=False, unit="s"),
    real("poll_seconds", "First pause of a worker that found nothing to claim.", nullable=False, unit="s"),
    integer("exception_budget", "Exceptions after which a job is dead."),
    integer("loss_budget", "Lost workers after which a job is dead."),
    sa.CheckConstraint("id = 1", name="one_row"),
    sa.CheckConstraint(
        "beat_seconds > 0 AND beat_seconds < lease_seconds AND reap_seconds > 0 AND poll_seconds > 0",
        name="beats_within_the_lease",
    ),
    sa.CheckConstraint("exception_budget >= 1 AND loss_budget >= 1", name="budgets_from_1"),
    comment="What all workers must agree on, read by each at its start; one row.",
)

database_identity = table(
    "database_identity",
    integer("id", "Always 1: the table has one row.", primary_key=True, autoincrement=False),
    text("identity", "Random UUID of this database; a mirror is kept for each."),
    moment("created_at", "When the database was created.", server_default=DatabaseNow()),
    sa.CheckConstraint("id = 1", name="one_row"),
    comment="Which database this is; one row.",
)
