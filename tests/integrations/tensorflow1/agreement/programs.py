"""Programs over several runs that TensorFlow 1 and nodeflow take alike: metrics, and training."""

import numpy as np

RANDOM = np.random.RandomState(0)


def f(*shape):
    return RANDOM.randn(*shape)


def metric_cases(t):
    m = t.metrics
    L = t.placeholder(t.float64, [None, 3])
    Q = t.placeholder(t.float64, [None, 3])
    W = t.placeholder(t.float64, [None, 1])
    l1 = t.placeholder(t.int64, [None])
    q1 = t.placeholder(t.int64, [None])
    sc = t.placeholder(t.float64, [None, 5])
    lab = t.placeholder(t.int64, [None, 2])
    b = t.placeholder(t.bool, [None])
    pr = t.placeholder(t.float32, [None])
    w1 = t.placeholder(t.float32, [None])
    th = [0.2, 0.5, 0.8]
    pairs = [
        m.mean(L),
        m.mean(L, W),
        m.mean(L, 2.0),
        m.accuracy(l1, q1),
        m.accuracy(l1, q1, w1),
        m.accuracy(t.expand_dims(l1, 1), q1),
        m.mean_absolute_error(L, Q),
        m.mean_squared_error(L, Q, W),
        m.root_mean_squared_error(L, Q),
        m.mean_relative_error(L, Q, t.abs(Q)),
        m.mean_cosine_distance(t.nn.l2_normalize(L, 1), t.nn.l2_normalize(Q, 1), 1),
        m.mean_iou(l1, q1, 4),
        m.mean_iou(l1, q1, 4, w1),
        m.mean_per_class_accuracy(l1, q1, 4),
        m.mean_per_class_accuracy(l1, q1, 4, w1),
        m.percentage_below(L, 0.3),
        m.mean_tensor(t.reshape(L[:2], [2, 3])),
        m.precision(b, q1),
        m.recall(b, q1, w1),
        m.true_positives(b, q1),
        m.false_positives(b, q1, w1),
        m.true_negatives(b, q1),
        m.false_negatives(b, q1),
        m.true_positives_at_thresholds(b, pr, th),
        m.false_negatives_at_thresholds(b, pr, th, w1),
        m.precision_at_thresholds(b, pr, th),
        m.recall_at_thresholds(b, pr, th, w1),
        m.auc(b, pr),
        m.auc(b, pr, w1, num_thresholds=20),
        m.auc(b, pr, curve="PR"),
        m.auc(b, pr, curve="PR", summation_method="careful_interpolation"),
        m.auc(b, pr, summation_method="minoring", thresholds=[0.3, 0.6]),
        m.auc(b, pr, summation_method="majoring"),
        m.sensitivity_at_specificity(b, pr, 0.5),
        m.specificity_at_sensitivity(b, pr, 0.7),
        m.precision_at_k(lab, sc, 2),
        m.precision_at_k(lab, sc, 2, class_id=1),
        m.recall_at_k(lab, sc, 2),
        m.recall_at_k(l1, sc, 2, weights=w1),
        m.average_precision_at_k(lab, sc, 3),
        m.sparse_precision_at_k(l1, sc, 1),
        m.recall_at_top_k(lab, t.constant([[0, 0, 2]] * 4, t.int64)),
        m.precision_at_top_k(lab, t.constant([[0, 0, 2]] * 4, t.int64)),
    ]
    RANDOM.seed(5)
    with t.Session() as s:
        s.run(t.local_variables_initializer())
        out = []
        for _ in range(3):
            fd = {
                L: f(4, 3),
                Q: f(4, 3),
                W: np.abs(f(4, 1)),
                l1: RANDOM.randint(0, 4, 4),
                q1: RANDOM.randint(0, 4, 4) * RANDOM.randint(0, 2, 4),
                sc: f(4, 5),
                lab: np.array([RANDOM.permutation(6)[:2] for _ in range(4)])
                - (RANDOM.rand(4, 2) < 0.2),
                b: RANDOM.rand(4) < 0.5,
                pr: RANDOM.rand(4),
                w1: RANDOM.rand(4),
            }
            out += [np.asarray(v) for v in s.run([u for _, u in pairs], fd)]
        out += [np.asarray(v) for v in s.run([v for v, _ in pairs])]
    return out


def train_cases(t):
    out = []
    for make in (
        lambda: t.train.AdagradDAOptimizer(
            0.25,
            t.train.get_or_create_global_step(),
            initial_gradient_squared_accumulator_value=0.125,
            l1_regularization_strength=0.03125,
            l2_regularization_strength=0.125,
        ),
        lambda: t.train.AdagradDAOptimizer(
            0.25,
            t.train.get_or_create_global_step(),
            initial_gradient_squared_accumulator_value=0.5,
        ),
    ):
        g = t.Graph()
        with g.as_default():
            v = t.Variable(np.array([0.5, -1.0, 2.0]))
            a = t.constant(np.array([1.0, 2.0, 0.1]))
            loss = t.reduce_sum(t.square(v - a) * a)
            op = make().minimize(loss, global_step=t.train.get_or_create_global_step())
            with t.Session() as s:
                s.run(t.global_variables_initializer())
                for _ in range(4):
                    s.run(op)
                    out.append(np.asarray(s.run(v)))
    return out
