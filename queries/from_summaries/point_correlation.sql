-- What queries/point_correlation.sql answers, from the rank correlations that the mirror works out for each model when
-- its points are copied.
select
    m.dataset as dataset,
    r.metric as metric,
    count(*) as n_models,
    favg(r.spearman_loss order by r.model_id) as spearman_mean,
    quantile_cont(r.spearman_loss, 0.05) as spearman_q05,
    quantile_cont(r.spearman_loss, 0.5) as spearman_median,
    quantile_cont(r.spearman_loss, 0.95) as spearman_q95,
    avg((r.spearman_loss > 0)::integer) as share_positive,
    sum(r.n_points)::bigint as n_points
from model_point_ranks as r
inner join v_models as m on r.model_id = m.model_id
where
    list_contains($metric, r.metric)
    and r.spearman_loss is not null
    and m.train_accuracy >= $min_train_accuracy
    and case $labels when 'true' then m.label_noise = 0 when 'random' then m.label_noise = 1 else true end
group by m.dataset, r.metric
order by m.dataset, list_position($metric, r.metric)
