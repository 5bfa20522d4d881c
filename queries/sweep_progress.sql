-- name: sweep_progress
-- question: How far is each sweep?
-- grain: sweep
-- columns:
--   sweep       text            name of the sweep
--   queued      int   [0, inf)  models waiting for a worker
--   running     int   [0, inf)  models with a worker
--   done        int   [0, inf)  models that are finished
--   dead        int   [0, inf)  models given up after too many failures
--   cancelled   int   [0, inf)  models given up on request
--   share_done  real  [0, 1]    done among all models of the sweep; missing for a sweep without models
--   n_models    int   [0, inf)  models of the sweep
--   paused      bool            whether the sweep is paused
-- caution: a model of two sweeps counts in both; with --dataset or --where only the models that match count
-- source: design.md 5
select
    sweep,
    queued::bigint as queued,
    running::bigint as running,
    done::bigint as done,
    dead::bigint as dead,
    cancelled::bigint as cancelled,
    share_done,
    n_models::bigint as n_models,
    paused
from v_sweep_progress
order by sweep
