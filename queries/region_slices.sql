-- name: region_slices
-- question: Do fewer boundaries between linear regions pass near training points after training than before?
-- grain: model_id, slice, scope
-- parameters:
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
--   model_id            int = null                        this model alone
-- columns:
--   model_id           int   [1, inf)  number of the model
--   dataset            text            data set
--   slice              int   [0, inf)  number of the plane
--   scope              text            units whose boundaries are meant: those of the last_hidden layer, or all
--   n_regions_before   int   [1, inf)  different codes in the window before training
--   n_regions          int   [1, inf)  and after it
--   ratio_before       real  [0, inf)  boundary length an area near the three training points, over that of the window, before training
--   ratio              real  [0, inf)  the same after training
--   ratio_of_ratios    real  [0, inf)  ratio over ratio_before; below 1, training moved boundaries away from the points
--   method_before      text            exact polygons or pixels
--   method             text            the same after training
--   artifact_uri       text            the file of what was seen, within SENSDB_ARTIFACTS
--   artifact_sha256    text            its checksum
-- caution: one plane a data set, which all its models share; a ratio of one model is noisy, as few boundaries pass near three points
-- source: paper.md 4b, figure 3; measurement.md 4
with sides as (
    select
        model_id,
        dataset,
        slice,
        scope,
        max(n_regions) filter (where moment = 'before') as n_regions_before,
        max(n_regions) filter (where moment = 'after') as n_regions,
        max(density_at_points / nullif(density_mean, 0)) filter (where moment = 'before') as ratio_before,
        max(density_at_points / nullif(density_mean, 0)) filter (where moment = 'after') as ratio,
        max(method) filter (where moment = 'before') as method_before,
        max(method) filter (where moment = 'after') as method,
        max(artifact_uri) filter (where moment = 'after') as artifact_uri,
        max(artifact_sha256) filter (where moment = 'after') as artifact_sha256
    from v_regions
    where
        train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
        and ($model_id is null or model_id = $model_id)
    group by model_id, dataset, slice, scope
)

select
    model_id::bigint as model_id,
    dataset,
    slice::bigint as slice,
    scope,
    n_regions_before::bigint as n_regions_before,
    n_regions::bigint as n_regions,
    ratio_before,
    ratio,
    ratio / nullif(ratio_before, 0) as ratio_of_ratios,
    method_before,
    method,
    artifact_uri,
    artifact_sha256
from sides
order by model_id, slice, scope
