-- name: point_losses
-- question: Do the test points a model is most sensitive at have the largest loss?
-- grain: model_id, point_index
-- parameters:
--   models              int = 5      [1, 1000]            models a data set and loss, chosen as if at random and always the same
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
-- columns:
--   dataset        text            data set
--   loss_function  text            the loss the models were trained on
--   model_id       int   [1, inf)  number of the model
--   point_index    int   [0, inf)  number of the test point
--   loss           real  [0, inf)  loss at the point, of the kind the model was trained on
--   jacobian_norm  real  [0, inf)  |d softmax(f(x))/dx|_F at the point, standardised input
--   correct        bool            whether the model is right there
--   doubt          real  [0, 1]    1 - the largest probability
-- caution: points of a few models, which differ in level by orders of magnitude; points_by_quantile and point_auroc compare within models
-- source: paper.md 4e and 6, figure 6
with population as (
    select
        model_id,
        dataset,
        loss as loss_function,
        spec_sha256
    from v_models
    where
        train_accuracy >= $min_train_accuracy
        and stop_reason <> 'diverged'
        and n_points_stored > 0
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
),

-- The checksum of a spec is as good as a draw, and the same on every machine.
chosen as (
    select model_id
    from population
    qualify row_number() over (partition by dataset, loss_function order by spec_sha256) <= $models
)

select
    dataset,
    loss_function,
    model_id::bigint as model_id,
    point_index::bigint as point_index,
    loss::double as loss,
    jacobian_norm::double as jacobian_norm,
    correct,
    doubt::double as doubt
from v_points
where model_id in (select c.model_id from chosen as c)
order by dataset, loss_function, model_id, point_index
