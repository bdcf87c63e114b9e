"""Optimizers: their formulas, PyTorch's verdict, groups, state, and that a step changes nothing but parameters."""

import copy
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor, nn, no_grad, optim
from tinygrad_np import functional as F
from tinygrad_np.errors import MistakeWarning
from tinygrad_np.testing import strategies as gs

STEPS = 25


# --- the formulas, one element at a time, as PyTorch's documentation gives them --------------------------------------
def sgd(p, gradients, lr=1e-3, momentum=0, nesterov=False):
    buffer = None
    for g in gradients(p):
        if momentum:
            buffer = g if buffer is None else momentum * buffer + g
            g = g + momentum * buffer if nesterov else buffer
        p = yield p - lr * g


def rmsprop(p, gradients, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0, centered=False):
    v = mean = buffer = 0.0
    for g in gradients(p):
        v = alpha * v + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g if centered else 0
        change = g / (np.sqrt(v - mean**2) + eps)
        buffer = momentum * buffer + change
        p = yield p - lr * buffer


def adam(p, gradients, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
    m = v = 0.0
    for t, g in enumerate(gradients(p), 1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        p = yield p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)


def by_formula(formula, p, gradient, weight_decay=0, decoupled_weight_decay=False, **options):
    """The values of a parameter that begins as ``p``, before each step and after the last."""
    values, lr = [p], options.get("lr", formula.__defaults__[0])

    def gradients(p):
        while True:
            yield gradient(values[-1]) + (0 if decoupled_weight_decay else weight_decay * values[-1])

    changes = formula(p, gradients, **options)
    new = next(changes)
    for _ in range(STEPS):
        step = new - values[-1]
        kept = values[-1] * (1 - lr * weight_decay) if decoupled_weight_decay else values[-1]
        values.append(kept + step)
        new = changes.send(values[-1])
    return values


RECIPES = {
    "sgd": (optim.SGD, sgd, {"lr": 0.1}),
    "sgd default": (optim.SGD, sgd, {}),
    "momentum": (optim.SGD, sgd, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (optim.SGD, sgd, {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "sgd l2": (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.3}),
    "nesterov l2": (optim.SGD, sgd, {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.3}),
    "rmsprop": (optim.RMSProp, rmsprop, {}),
    "rmsprop options": (optim.RMSProp, rmsprop, {"lr": 0.003, "alpha": 0.8, "eps": 1e-3}),
    "rmsprop momentum": (optim.RMSProp, rmsprop, {"momentum": 0.9, "lr": 0.002}),
    "rmsprop centered": (optim.RMSProp, rmsprop, {"centered": True}),
    "rmsprop all": (optim.RMSProp, rmsprop, {"centered": True, "momentum": 0.7, "weight_decay": 0.1}),
    "adam": (optim.Adam, adam, {}),
    "adam options": (optim.Adam, adam, {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-2}),
    "adam l2": (optim.Adam, adam, {"lr": 0.02, "weight_decay": 0.2}),
    "adamw": (optim.AdamW, adam, {}),
    "adamw options": (optim.AdamW, adam, {"lr": 0.02, "betas": (0.8, 0.95), "weight_decay": 0.3}),
}
DECOUPLED = {
    name: (optimizer, formula, {**options, "weight_decay": 0.4, "decoupled_weight_decay": True})
    for name, (optimizer, formula, options) in RECIPES.items()
    if optimizer is not optim.AdamW
}

TARGET = np.random.default_rng(1).normal(size=(3, 4))
START = np.random.default_rng(2).normal(size=(3, 4))


def trajectory(make, start=START, dtype=np.float64):
    """The values of one parameter before each step, and after the last: it descends on a sum of cosh(p - target)."""
    p = Tensor(start, dtype=dtype, requires_grad=True)
    optimizer = make([p])
    values = [p.detach().numpy()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        np.cosh(p - TARGET.astype(dtype)).sum().backward()
        optimizer.step()
        assert p.dtype == dtype
        values.append(p.detach().numpy())
    return values


@pytest.mark.parametrize(
    "recipe", [*RECIPES.values(), *DECOUPLED.values()], ids=[*RECIPES, *(f"{n} decoupled" for n in DECOUPLED)]
)
def test_steps_are_those_of_the_formula(recipe):
    optimizer, formula, options = recipe
    written = dict(options)
    if optimizer is optim.AdamW:
        written = {"weight_decay": 1e-2, "decoupled_weight_decay": True} | written
    expected = by_formula(formula, START, lambda p: np.sinh(p - TARGET), **written)
    got = trajectory(lambda params: optimizer(params, **options))
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)
    assert np.abs(got[-1] - got[0]).max() > 1e-3  # something moved
    single = trajectory(lambda params: optimizer(params, **options), dtype=np.float32)
    np.testing.assert_allclose(single[-1], expected[-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_steps_are_those_of_pytorch(recipe):
    torch = pytest.importorskip("torch")
    optimizer, _, options = recipe
    p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    theirs = getattr(torch.optim, {"RMSProp": "RMSprop"}.get(optimizer.__name__, optimizer.__name__))([p], **options)
    expected = [START]
    for _ in range(STEPS):
        theirs.zero_grad()
        torch.cosh(p - torch.tensor(TARGET)).sum().backward()
        theirs.step()
        expected.append(p.detach().numpy().copy())
    np.testing.assert_allclose(
        trajectory(lambda params: optimizer(params, **options)), expected, rtol=1e-12, atol=1e-14
    )


def test_defaults_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    p, q = [Tensor(1.0, requires_grad=True)], [torch.ones(1, requires_grad=True)]
    pairs = [(optim.SGD, torch.optim.SGD), (optim.RMSProp, torch.optim.RMSprop), (optim.Adam, torch.optim.Adam)]
    for ours, theirs in [*pairs, (optim.AdamW, torch.optim.AdamW)]:
        defaults = theirs(q).defaults
        for option, value in ours(p).defaults.items():
            assert value == defaults.get(option, False), (ours, option)


def test_l2_of_the_optimizer_is_l2_in_the_loss():
    def loss(p, penalty):
        value = np.cosh(p - TARGET).sum()
        return value + F.l2_penalty([p], 0.3 * 12, m=12) if penalty else value

    ends = []
    for penalty in (True, False):
        p = Tensor(START, requires_grad=True)
        optimizer = optim.Adam([p], 0.1, weight_decay=0 if penalty else 0.3)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(p, penalty).backward()
            optimizer.step()
        ends.append(p.detach().numpy())
    np.testing.assert_allclose(*ends, rtol=1e-11)


@given(start=gs.arrays(), recipe=st.sampled_from(list(RECIPES.values())), data=st.data())
def test_any_shape_and_memory_layout(start, recipe, data):
    optimizer, _, options = recipe
    g = data.draw(gs.arrays(start.shape))
    p, q = gs.tensor_of(start), Tensor(start.ravel(), requires_grad=True)
    both = optimizer([p, q], **options)
    for _ in range(3):
        p.grad, q.grad = g, g.ravel()
        both.step()
    assert p.shape == start.shape
    assert np.array_equal(p.detach().numpy().ravel(), q.detach().numpy())
    assert np.array_equal(p.grad.numpy(), g)  # gradients are read only


# --- a step changes parameters, and nothing else ------------------------------------------------------------------
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_shares_memory_with_a_parameter_keeps_its_value(recipe):
    optimizer, _, options = recipe
    p = Tensor(START, requires_grad=True)
    made = optimizer([p], **options)
    views = {
        "detached": p.detach(), "array": p.detach().numpy(), "transposed": p.T, "part": p[1:, ::2],
        "reshaped": np.reshape(p, (2, 6)), "data": p.data, "alias": np.positive(p, out=p.detach()),
    }  # fmt: skip
    for _ in range(3):  # a second step meets the array that the first one made
        views["later"] = p.detach()
        before = {name: np.array(v if isinstance(v, np.ndarray) else v.detach().numpy()) for name, v in views.items()}
        p.grad = np.ones(p.shape)
        made.step()
        assert not np.array_equal(p.detach().numpy(), before["later"])
        for name, view in views.items():
            now = view if isinstance(view, np.ndarray) else view.detach().numpy()
            assert np.array_equal(now, before[name]), name


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_graph_older_than_a_step_gives_the_gradient_of_what_it_computed(recipe):
    optimizer, _, options = recipe
    model = nn.MLP([3, 5, 4, 2], activation="tanh", dtype=np.float64, rng=0)
    x, y = np.random.default_rng(0).normal(size=(6, 3)), np.arange(6) % 2
    made = optimizer(model.parameters(), **options)

    def gradients(steps_between):
        loss = F.softmax_cross_entropy(model(x), y)
        for _ in range(steps_between):
            made.step()
        made.zero_grad()
        loss.backward()
        return [p.grad.numpy() for p in model.parameters()]

    first = gradients(steps_between=0)
    stale = gradients(steps_between=2)
    assert all(np.array_equal(a, b) for a, b in zip(first, stale, strict=True))
    assert not np.array_equal(first[0], gradients(steps_between=0)[0])  # by now the parameters are others


def test_a_retained_graph_survives_a_step():
    w, x = Tensor([2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([w], 0.1)
    loss = (w * x).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    x.grad = None
    loss.backward()
    assert x.grad.item() == 2  # and not 1.7, which w is now


def test_a_parameter_may_be_rebound_between_steps():
    p, q = (Tensor(START, requires_grad=True) for _ in range(2))
    a, b = optim.SGD([p], 0.1, momentum=0.9), optim.SGD([q], 0.1, momentum=0.9)
    for i in range(4):
        for each, optimizer in ((p, a), (q, b)):
            each.grad = START
            optimizer.step()
        with no_grad():
            if i % 2:
                p -= 1.0
                q.data = q.detach().numpy() - 1.0
    assert np.array_equal(p.detach().numpy(), q.detach().numpy())


def test_parameters_without_a_gradient_stay_and_so_do_their_counts():
    p, q = (Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = optim.Adam([p, q], 0.1, weight_decay=0.5)
    for i in range(4):
        p.grad, q.grad = [1.0], ([1.0] if i == 3 else None)
        optimizer.step()
    assert optimizer.state[p]["step"] == 4
    assert optimizer.state[q]["step"] == 1
    fresh = Tensor([1.0], requires_grad=True)
    fresh.grad = [1.0]
    optim.Adam([fresh], 0.1, weight_decay=0.5).step()
    assert q.item() == fresh.item()


def test_zero_grad_forgets():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], 0.1)
    p.grad = [1.0]
    optimizer.zero_grad()
    assert p.grad is None
    with pytest.warns(MistakeWarning, match="no parameter has a gradient"):
        optimizer.step()
    assert p.item() == 1


@pytest.mark.parametrize("value", [2.0, [2.0]])
def test_gradients_of_several_backward_passes_add_up(value):
    p = Tensor(value, requires_grad=True)
    for _ in range(3):
        (p * p).sum().backward()
    optim.SGD([p], 0.1).step()
    assert p.item() == pytest.approx(2 - 0.1 * 12)


def test_gradients_that_are_part_of_a_graph_can_be_stepped_along():
    p = Tensor([2.0], requires_grad=True)
    (p**3).sum().backward(create_graph=True)
    optim.SGD([p], 0.1).step()
    assert p.item() == pytest.approx(2 - 0.1 * 12)
    assert p.is_leaf


# --- groups -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["nesterov l2", "rmsprop all", "adamw options"])
def test_parameters_that_step_together_become_what_each_would_alone(name):
    """Small parameters are one vector for a step; whatever happens between the steps, each has its own state."""
    kind, _, options = RECIPES[name]
    rng = np.random.default_rng(3)
    shapes = [((), "d"), ((3,), "f"), ((2, 3), "d"), ((2, 0), "d"), ((3, 2), "f"), ((90, 100), "d"), ((4,), "d")]
    starts = [rng.normal(size=shape).astype(dtype) for shape, dtype in shapes]
    together, alone = ([Tensor(start, requires_grad=True) for start in starts] for _ in range(2))
    one, each = kind(together, **options), [kind([p], **options) for p in alone]
    for i in range(24):
        if i % 8 == 3:
            one.load_state_dict(one.state_dict())
        elif i % 8 == 5:
            together, one = copy.deepcopy((together, one))
        elif i % 8 == 7:
            one.state[together[2]].update({k: np.array(v) for k, v in one.state[together[2]].items() if k != "step"})
        for p, q in zip(together, alone, strict=True):
            p.grad = q.grad = rng.normal(size=p.shape) if i < 9 or rng.random() < 0.8 else None
        for optimizer in (one, *each):
            optimizer.step()
        for p, q, optimizer in zip(together, alone, each, strict=True):
            assert np.array_equal(p.detach(), q.detach())
            assert type(p._data) is np.ndarray
            assert all(np.array_equal(v, optimizer.state[q][k]) for k, v in one.state[p].items())
            assert p.detach().numpy().base.base is None  # a kept value does not keep those of all others


def test_groups_have_options_of_their_own():
    p, q, r = (Tensor([1.0], requires_grad=True) for _ in range(3))
    groups = [{"params": [p], "lr": 0.5}, {"params": q, "weight_decay": 1.0}]
    optimizer = optim.SGD(groups, lr=0.1)
    optimizer.add_param_group({"params": iter([r])})
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.1, 0.1]
    for each in (p, q, r):
        each.grad = [1.0]
    optimizer.step()
    np.testing.assert_allclose([p.item(), q.item(), r.item()], [0.5, 0.8, 0.9])
    optimizer.param_groups[2]["lr"] = 0.0  # as schedules may
    optimizer.step()
    np.testing.assert_allclose(r.item(), 0.9)
    assert groups == [{"params": [p], "lr": 0.5}, {"params": q, "weight_decay": 1.0}]


def test_a_learning_rate_of_numpy_does_not_change_the_dtype():
    p = Tensor([1.0], dtype=np.float32, requires_grad=True)
    optimizer = optim.Adam([p], np.float64(0.1))
    optimizer.param_groups[0]["lr"] = np.float64(0.2)
    p.grad = [1.0]
    optimizer.step()
    assert p.dtype == np.float32
    assert p.item() == pytest.approx(0.8)


@pytest.mark.parametrize("lr", [np.nan, np.inf, -1, "0.1", None])
def test_a_learning_rate_gone_wrong_stops_the_step_before_it_changes_anything(lr):
    p, q = (Tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([{"params": [p]}, {"params": [q]}], 0.1)
    p.grad = q.grad = [1.0]
    optimizer.param_groups[1]["lr"] = lr
    with pytest.raises((TypeError, ValueError), match="SGD: lr must be"):
        optimizer.step()
    assert p.item() == 1


# --- saving and loading -------------------------------------------------------------------------------------------
def through_npz_and_json(state):
    """Numbers to JSON, arrays to .npz, and back."""
    arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
    text = json.dumps({key: value for key, value in state.items() if key not in arrays})
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    stream.seek(0)
    return json.loads(text) | dict(np.load(stream, allow_pickle=False))


def through_npz(state):
    stream = io.BytesIO()
    np.savez(stream, **state)
    stream.seek(0)
    return dict(np.load(stream, allow_pickle=False))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("transport", [dict, through_npz_and_json, through_npz])
def test_training_goes_on_from_a_saved_state_as_if_nothing_had_happened(recipe, transport):
    optimizer, _, options = recipe

    def session():
        p, q, idle = (Tensor(s, requires_grad=True) for s in (START, START[0], 1.0))
        return (p, q), optimizer([{"params": [p]}, {"params": [q, idle], "lr": 0.03}], **options)

    def steps(params, optimizer):
        for _ in range(5):
            for p in params:
                p.grad = np.sinh(p.detach().numpy())
            optimizer.step()

    params, first = session()
    steps(params, first)
    values, state = [p.detach().numpy() for p in params], transport(first.state_dict())
    twins, second = session()
    second.param_groups[1]["lr"] = 7.0
    for twin, value in zip(twins, values, strict=True):
        twin.data = value
    second.load_state_dict(state)
    assert second.param_groups[1]["lr"] == 0.03
    assert [g["params"] for g in second.param_groups] == [[twins[0]], [twins[1], second.param_groups[1]["params"][1]]]
    steps(params, first)
    steps(twins, second)
    for p, twin in zip(params, twins, strict=True):
        assert np.array_equal(p.detach().numpy(), twin.detach().numpy())
    assert {type(v) for v in second.param_groups[0].values()} == {type(v) for v in first.param_groups[0].values()}


def test_a_state_is_a_copy_in_both_directions():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.Adam([p])
    p.grad = [1.0]
    optimizer.step()
    state = optimizer.state_dict()
    kept = {key: np.array(value) for key, value in state.items()}
    optimizer.step()
    optimizer.load_state_dict(state)
    optimizer.step()
    assert all(np.array_equal(kept[key], value) for key, value in state.items())
    assert optimizer.state_dict()["state.0.step"] == 2


def test_loaded_options_are_those_that_were_saved_whatever_their_types_are_here():
    p = Tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=1, momentum=0)
    optimizer.load_state_dict(optim.SGD([p], lr=0.1, momentum=0.9, nesterov=True).state_dict())
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["nesterov"]) == (0.1, 0.9, True)


def replaced(state, key, value):
    assert key in state
    return state | {key: value}


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda s: replaced(s, "groups.0.lr", np.nan), ValueError, "lr must be at least 0"),
        (lambda s: replaced(s, "groups.0.betas", [0.9, 1.0]), ValueError, "betas must be"),
        (lambda s: replaced(s, "groups.0.lr", np.ones(2)), TypeError, "lr must be a number"),
        (lambda s: replaced(s, "state.1.step", -1), ValueError, r"state\.1\.step must be a count, not -1"),
        (lambda s: replaced(s, "state.1.step", 1.5), ValueError, r"must be a count, not 1\.5"),
        (lambda s: replaced(s, "groups.0.size", 3), ValueError, "group 0 has 2 parameters, but the state has 3"),
        (lambda s: {k: v for k, v in s.items() if k != "groups.0.eps"}, KeyError, r"lacks 'groups\.0\.eps'"),
        (lambda s: {k: v for k, v in s.items() if k != "state.1.exp_avg"}, KeyError, r"lacks 'state\.1\.exp_avg'"),
        (lambda s: s | {"state.1.square_avg": np.ones(3)}, KeyError, r"unknown.*square_avg.*another optimizer"),
        (lambda s: s | {"groups.1.lr": 1.0}, KeyError, r"unknown.*groups\.1\.lr"),
        (lambda s: replaced(s, "state.1.exp_avg", np.ones(4)), ValueError, r"float64\[4\].*parameter is float64\[3\]"),
        (lambda s: replaced(s, "state.1.exp_avg", np.ones(3, np.float32)), ValueError, r"is float32\[3\]"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(spoil, error, words):
    p, q = Tensor(START, requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    optimizer = optim.Adam([p, q], 0.1)
    p.grad, q.grad = START, np.ones(3)
    optimizer.step()
    before = copy.deepcopy(optimizer.state_dict())
    other = {k: v + 1 if k.startswith("state") else v for k, v in before.items()} | {"groups.0.lr": 0.5}
    with pytest.raises(error, match=words):
        optimizer.load_state_dict(spoil(other))
    after = optimizer.state_dict()
    assert list(after) == list(before)
    assert all(np.array_equal(after[key], value) for key, value in before.items())


def test_deepcopy_of_model_and_optimizer_trains_the_copy():
    model = nn.MLP([2, 3, 1], rng=0)
    optimizer = optim.Adam(model.parameters(), 0.1)
    twin, twin_optimizer = copy.deepcopy((model, optimizer))
    before = model.state_dict()
    F.mse(twin(np.ones((4, 2), np.float32)), np.ones((4, 1))).backward()
    twin_optimizer.step()
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
    assert not np.array_equal(before["layers.1.bias"], twin.state_dict()["layers.1.bias"])


# --- errors -------------------------------------------------------------------------------------------------------
P = Tensor(np.ones(2), requires_grad=True, name="w")
MODEL = nn.Linear(2, 2, rng=0)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: optim.SGD([], 0.1), ValueError, "there are no parameters"),
        (lambda: optim.SGD([{"params": []}], 0.1), ValueError, "a group has no parameters"),
        (lambda: optim.SGD(MODEL, 0.1), TypeError, r"not a Linear; of a model, pass model\.parameters\(\)"),
        (lambda: optim.SGD(MODEL.parameters, 0.1), TypeError, r"pass model\.parameters\(\)"),
        (lambda: optim.SGD(P, 0.1), TypeError, "must be a list of Tensors or of groups, not a Tensor"),
        (lambda: optim.SGD([P, np.ones(2)], 0.1), TypeError, "parameter 1 is a ndarray, not a Tensor"),
        (lambda: optim.SGD([{"params": [P]}, P], 0.1), TypeError, "a group is a dict with 'params'"),
        (lambda: optim.SGD([Tensor(1.0)], 0.1), ValueError, r"parameter 0, of shape \(\), does not require a gradient"),
        (lambda: optim.SGD([P * 2], 0.1), ValueError, "is a result; optimize the leaves"),
        (lambda: optim.SGD([P, P], 0.1), ValueError, r"parameter 1 \('w'\), of shape \(2,\), occurs twice"),
        (lambda: optim.SGD([{"params": [P]}, {"params": [P]}], 0.1), ValueError, "occurs twice"),
        (lambda: optim.SGD([Tensor(1j, requires_grad=True)], 0.1), TypeError, "real and the imaginary part"),
        (lambda: optim.SGD([{"params": [P], "beta": 1}], 0.1), TypeError, r"no option \['beta'\]; it has \['lr',"),
        (lambda: optim.SGD([P], 0), ValueError, "lr must be above 0"),
        (lambda: optim.SGD([P], -0.1), ValueError, "lr must be at least 0 and below inf, not -0.1"),
        (lambda: optim.SGD([P], np.inf), ValueError, "not inf"),
        (lambda: optim.SGD([P], np.nan), ValueError, "not nan"),
        (lambda: optim.SGD([P], "fast"), TypeError, "lr must be a number, not 'fast'"),
        (lambda: optim.SGD([P], 0.1, momentum=-1), ValueError, "momentum must be"),
        (lambda: optim.SGD([P], 0.1, nesterov=True), ValueError, "give it one, such as momentum=0.9"),
        (lambda: optim.SGD([P], 0.1, weight_decay=-1), ValueError, "weight_decay must be"),
        (lambda: optim.RMSProp([P], alpha=1.0), ValueError, "alpha must be at least 0 and below 1"),
        (lambda: optim.Adam([P], betas=(0.9, 1.0)), ValueError, "betas must be at least 0 and below 1"),
        (lambda: optim.Adam([P], betas=0.9), TypeError, "betas must be two numbers, not 0.9"),
        (lambda: optim.Adam([P], eps=-1e-8), ValueError, "eps must be"),
    ],
)  # fmt: skip
def test_errors_that_teach(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_repr_shows_the_options():
    assert repr(optim.SGD([P], 0.5, momentum=0.9)) == "SGD(1 parameters, lr=0.5, momentum=0.9, weight_decay=0.0)"
