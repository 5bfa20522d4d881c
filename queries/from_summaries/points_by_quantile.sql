-- What queries/points_by_quantile.sql answers, from the groups that the mirror sums for each model when its points
-- are copied.
with model_share as (
    select
        m.dataset,
        q.model_id,
        q.quantile,
        q.n_points,
        q.jacobian_norm_mean,
        q.accuracy,
        q.loss_mean,
        q.loss_sum / nullif(
            sum(q.loss_sum) over (
                partition by q.model_id order by q.quantile rows between unbounded preceding and unbounded following
            ),
            0
        ) as loss_share
    from model_point_quantiles as q
    inner join v_models as m on q.model_id = m.model_id
    where
        q.n_groups = $quantiles
        and m.train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then m.label_noise = 0 when 'random' then m.label_noise = 1 else true end
)

select
    dataset,
    quantile,
    sum(n_points)::bigint as n_points,
    favg(jacobian_norm_mean order by model_id) as jacobian_norm_mean,
    favg(accuracy order by model_id) as accuracy,
    favg(loss_mean order by model_id) as loss_mean,
    favg(loss_share order by model_id) as loss_share,
    quantile_cont(accuracy, 0.05) as accuracy_q05,
    quantile_cont(accuracy, 0.95) as accuracy_q95,
    count(*) as n_models
from model_share
group by dataset, quantile
order by dataset, quantile
