-- name: configurations
-- question: What came out for each configuration, with the spread over its seeds?
-- grain: configuration_sha256
-- parameters:
--   min_train_accuracy  real = 1     [0, 1]  models at least this accurate on their training points; 0 for all
--   transitions_method  text = null  how transitions were counted; null is the commonest way of the data set
-- columns:
--   dataset                    text              data set
--   n_train_points             int   [1, inf)    training points used
--   crop                       int   [1, inf)    side of the centre crop in pixels; missing where none
--   hidden_layers              int   [0, 200]    hidden layers
--   width                      int   [1, 65536]  units of each hidden layer; missing where they differ
--   widths                     text              units of all hidden layers
--   nonlinearity               text              nonlinearity of the hidden units
--   biases                     bool              whether layers have biases
--   weight_scale               real  (0, inf)    factor on the initial weights
--   label_noise                real  [0, 1]      share of training labels drawn at random
--   augmentation               text              augmentations, or none
--   loss                       text              training loss
--   optimizer                  text              optimizer
--   momentum                   real  [0, 1)      momentum; missing for other optimizers
--   learning_rate              real  (0, inf)    initial learning rate; missing for lbfgs
--   learning_rate_drop_epochs  int   [1, inf)    epochs between drops of the learning rate; missing where never
--   batch_size                 int   [1, inf)    training points a step; missing for the full batch
--   full_batch                 bool              whether each step uses all training points
--   max_steps                  int   [1, inf)    step budget
--   stop_rule                  text              what may end training earlier
--   stop_loss                  real              training loss that ends it; missing otherwise
--   dtype                      text              number format of training
--   n_parameters               int   [0, inf)    weights and biases
--   n_hidden_units             int   [0, inf)    hidden units
--   n_seeds                    int   [1, inf)    models of the configuration that count here
--   generalization_gap_mean    real              mean over seeds of the training accuracy minus test accuracy
--   generalization_gap_sd      real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   jacobian_norm_mean         real              mean over seeds of the model's mean over test points of |d softmax(f(x))/dx|_F
--   jacobian_norm_sd           real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   transitions_mean           real              mean over seeds of the model's mean over test points of transitions
--   transitions_sd             real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   train_accuracy_mean        real              mean over seeds of the training accuracy
--   train_accuracy_sd          real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   test_accuracy_mean         real              mean over seeds of the test accuracy
--   test_accuracy_sd           real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   train_loss_mean            real              mean over seeds of the training loss
--   train_loss_sd              real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   test_loss_mean             real              mean over seeds of the test loss
--   test_loss_sd               real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   log10_jacobian_norm_mean   real              mean over seeds of the model's mean over test points of log10 of the Jacobian norm
--   log10_jacobian_norm_sd     real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   logit_jacobian_norm_mean   real              mean over seeds of the model's mean over test points of the logit Jacobian norm
--   logit_jacobian_norm_sd     real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   doubt_mean                 real              mean over seeds of the model's mean over test points of 1 - top probability
--   doubt_sd                   real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   weight_norm_mean           real              mean over seeds of the Euclidean norm of all weights
--   weight_norm_sd             real  [0, inf)    standard deviation over seeds of the same; missing with one seed
--   transitions_method         text              how transitions were counted; missing where not
--   configuration_sha256       text              SHA-256 of the spec without its seed
-- caution: a mean over seeds that fitted says nothing of those that did not; n_seeds shows how many there are
-- source: paper.md 2
with population as (
    select
        model_id,
        configuration_sha256,
        dataset,
        n_train_points,
        crop,
        hidden_layers,
        width,
        widths,
        nonlinearity,
        biases,
        weight_scale,
        label_noise,
        augmentation,
        loss,
        optimizer,
        momentum,
        learning_rate,
        learning_rate_drop_epochs,
        batch_size,
        full_batch,
        max_steps,
        stop_rule,
        stop_loss,
        dtype,
        n_parameters,
        n_hidden_units,
        transitions_method as counted_by,
        generalization_gap,
        jacobian_norm_mean,
        transitions_mean,
        train_accuracy,
        test_accuracy,
        train_loss,
        test_loss,
        log10_jacobian_norm_mean,
        logit_jacobian_norm_mean,
        doubt_mean,
        weight_norm
    from v_models
    where train_accuracy >= $min_train_accuracy and stop_reason <> 'diverged'
),

chosen_method as (
    select
        dataset,
        counted_by as method
    from population
    where counted_by = coalesce($transitions_method, counted_by)
    group by dataset, counted_by
    qualify row_number() over (partition by dataset order by count(*) desc, counted_by) = 1
),

summary as (
    select
        p.configuration_sha256 as configuration_sha256,
        min(p.model_id) as first_model_id,
        count(*) as n_seeds,
        max(c.method) filter (where p.counted_by = c.method) as transitions_method,
        favg(p.generalization_gap order by p.model_id) as generalization_gap_mean,
        stddev_samp(p.generalization_gap order by p.model_id) as generalization_gap_sd,
        favg(p.jacobian_norm_mean order by p.model_id) as jacobian_norm_mean,
        stddev_samp(p.jacobian_norm_mean order by p.model_id) as jacobian_norm_sd,
        favg(p.transitions_mean order by p.model_id) filter (where p.counted_by = c.method) as transitions_mean,
        stddev_samp(p.transitions_mean order by p.model_id) filter (where p.counted_by = c.method) as transitions_sd,
        favg(p.train_accuracy order by p.model_id) as train_accuracy_mean,
        stddev_samp(p.train_accuracy order by p.model_id) as train_accuracy_sd,
        favg(p.test_accuracy order by p.model_id) as test_accuracy_mean,
        stddev_samp(p.test_accuracy order by p.model_id) as test_accuracy_sd,
        favg(p.train_loss order by p.model_id) as train_loss_mean,
        stddev_samp(p.train_loss order by p.model_id) as train_loss_sd,
        favg(p.test_loss order by p.model_id) as test_loss_mean,
        stddev_samp(p.test_loss order by p.model_id) as test_loss_sd,
        favg(p.log10_jacobian_norm_mean order by p.model_id) as log10_jacobian_norm_mean,
        stddev_samp(p.log10_jacobian_norm_mean order by p.model_id) as log10_jacobian_norm_sd,
        favg(p.logit_jacobian_norm_mean order by p.model_id) as logit_jacobian_norm_mean,
        stddev_samp(p.logit_jacobian_norm_mean order by p.model_id) as logit_jacobian_norm_sd,
        favg(p.doubt_mean order by p.model_id) as doubt_mean,
        stddev_samp(p.doubt_mean order by p.model_id) as doubt_sd,
        favg(p.weight_norm order by p.model_id) as weight_norm_mean,
        stddev_samp(p.weight_norm order by p.model_id) as weight_norm_sd
    from population as p
    left join chosen_method as c on p.dataset = c.dataset
    group by p.configuration_sha256
)

select
    p.dataset as dataset,
    p.n_train_points as n_train_points,
    p.crop as crop,
    p.hidden_layers as hidden_layers,
    p.width as width,
    p.widths as widths,
    p.nonlinearity as nonlinearity,
    p.biases as biases,
    p.weight_scale as weight_scale,
    p.label_noise as label_noise,
    p.augmentation as augmentation,
    p.loss as loss,
    p.optimizer as optimizer,
    p.momentum as momentum,
    p.learning_rate as learning_rate,
    p.learning_rate_drop_epochs as learning_rate_drop_epochs,
    p.batch_size as batch_size,
    p.full_batch as full_batch,
    p.max_steps as max_steps,
    p.stop_rule as stop_rule,
    p.stop_loss as stop_loss,
    p.dtype as dtype,
    p.n_parameters as n_parameters,
    p.n_hidden_units as n_hidden_units,
    s.n_seeds as n_seeds,
    s.generalization_gap_mean as generalization_gap_mean,
    s.generalization_gap_sd as generalization_gap_sd,
    s.jacobian_norm_mean as jacobian_norm_mean,
    s.jacobian_norm_sd as jacobian_norm_sd,
    s.transitions_mean as transitions_mean,
    s.transitions_sd as transitions_sd,
    s.train_accuracy_mean as train_accuracy_mean,
    s.train_accuracy_sd as train_accuracy_sd,
    s.test_accuracy_mean as test_accuracy_mean,
    s.test_accuracy_sd as test_accuracy_sd,
    s.train_loss_mean as train_loss_mean,
    s.train_loss_sd as train_loss_sd,
    s.test_loss_mean as test_loss_mean,
    s.test_loss_sd as test_loss_sd,
    s.log10_jacobian_norm_mean as log10_jacobian_norm_mean,
    s.log10_jacobian_norm_sd as log10_jacobian_norm_sd,
    s.logit_jacobian_norm_mean as logit_jacobian_norm_mean,
    s.logit_jacobian_norm_sd as logit_jacobian_norm_sd,
    s.doubt_mean as doubt_mean,
    s.doubt_sd as doubt_sd,
    s.weight_norm_mean as weight_norm_mean,
    s.weight_norm_sd as weight_norm_sd,
    s.transitions_method as transitions_method,
    s.configuration_sha256 as configuration_sha256
from summary as s
inner join population as p on s.first_model_id = p.model_id
order by s.first_model_id
