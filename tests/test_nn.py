"""Modules as plain trees, layers, initial weights, and the MLP."""

import copy
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor, nn, no_grad
from tinygrad_np import functional as F
from tinygrad_np.nn import initializers
from tinygrad_np.testing import strategies as gs


def parameter(*shape):
    return Tensor(np.zeros(shape), requires_grad=True)


class Net(nn.Module):
    """All kinds of places where Tensors may be."""

    def __init__(self):
        self.first = nn.Linear(3, 4, dtype=np.float64, rng=0)
        self.branches = [nn.Linear(4, 4, dtype=np.float64, rng=1), {"deep": (parameter(2), [parameter(3)])}]
        self.frozen = Tensor([1.0, 2.0])
        self.shared = self.first
        self.again = [self.first.weight]
        self.counts = Tensor([1, 2])
        self.name = "a net"

    def forward(self, x):
        return self.branches[0](F.tanh(self.first(x)))


PARAMETERS = [
    "first.weight", "first.bias", "branches.0.weight", "branches.0.bias", "branches.1.deep.0", "branches.1.deep.1.0",
]  # fmt: skip


# --- the tree -----------------------------------------------------------------------------------------------------
def test_parameters_are_found_by_their_paths_each_once():
    net = Net()
    named = dict(net.named_parameters())
    assert list(named) == PARAMETERS
    assert [id(p) for p in net.parameters()] == [id(p) for p in named.values()]
    assert named["branches.1.deep.1.0"] is net.branches[1]["deep"][1][0]


def test_parameters_without_a_name_are_called_by_their_paths():
    net = Net()
    net.first.bias.name = "offset"
    net.parameters()
    assert net.branches[0].weight.name == "branches.0.weight"
    assert net.first.bias.name == "offset"


def test_what_is_set_later_is_found_and_what_is_frozen_is_not():
    net = Net()
    net.later = parameter(7)
    net.first.weight.requires_grad = False
    assert [name for name, _ in net.named_parameters()] == [*PARAMETERS[1:], "later"]
    assert "first.weight" in net.state_dict()


def test_results_that_a_module_keeps_are_no_part_of_it():
    net = Net()
    net.last_output = net(np.ones((2, 3)))
    assert list(dict(net.named_parameters())) == PARAMETERS
    assert "last_output" not in net.state_dict()


def test_a_tree_with_a_way_back_up_is_walked_once():
    net = Net()
    net.child = nn.Module()
    net.child.parent = net
    net.branches.append(net.branches)
    assert [name for name, _ in net.named_parameters()] == PARAMETERS
    assert "..." in repr(net)


def test_a_deep_tree_needs_no_recursion():
    net = bottom = nn.Module()
    for _ in range(5000):
        bottom.inner = nn.Module()
        bottom = bottom.inner
    bottom.weight = parameter(1)
    assert len(net.parameters()) == 1
    assert net.eval().modules()[-1].training is False


def test_two_tensors_of_one_name_are_an_error_and_not_one_of_them():
    net = nn.Module()
    net.a = {"b.c": parameter(1), "b": {"c": parameter(2)}}
    with pytest.raises(ValueError, match=r"'a\.b\.c'"):
        net.state_dict()


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Module cannot be called.*def forward\(self, x\)"):
        nn.Module()(1)


def test_train_and_eval_reach_every_module():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), F.relu))
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train() is net
    assert all(m.training for m in net.modules())
    assert len(net.modules()) == 4


def test_deepcopy_is_another_model_with_the_same_values():
    net = Net()
    twin = copy.deepcopy(net)
    assert twin.shared is twin.first
    assert twin.again[0] is twin.first.weight
    x = np.ones((2, 3))
    assert np.array_equal(twin(x).detach().numpy(), net(x).detach().numpy())
    assert not {id(p) for p in net.parameters()} & {id(p) for p in twin.parameters()}


def test_repr_shows_the_tree():
    assert repr(Net()).splitlines() == [
        "Net(",
        "  first: Linear(3, 4),",
        "  branches.0: Linear(4, 4),",
        "  branches.1.deep.0: float64[2],",
        "  branches.1.deep.1.0: float64[3],",
        "  frozen: float64[2],",
        "  counts: int64[2],",
        ")",
    ]
    assert repr(nn.Sequential(nn.Linear(1, 2, bias=False), np.tanh, nn.Sequential(nn.Dropout(0.5)))).splitlines() == [
        "Sequential(",
        "  Linear(1, 2, bias=False),",
        "  tanh,",
        "  Sequential(",
        "    Dropout(0.5),",
        "  ),",
        ")",
    ]
    assert repr(nn.Sequential()) == "Sequential()"


# --- the state ----------------------------------------------------------------------------------------------------
def test_state_is_a_copy_of_all_tensors_and_loads_back():
    net, other = Net(), Net()
    with no_grad():
        for p in net.parameters():
            p += 1
    net.frozen = Tensor([5.0, 6.0])
    state = net.state_dict()
    assert list(state) == [*PARAMETERS, "frozen", "counts"]
    other.load_state_dict(state)
    for name, array in other.state_dict().items():
        assert array.dtype == state[name].dtype
        assert np.array_equal(array, state[name])
    parameters, before = net.parameters(), other.state_dict()
    for array in state.values():
        array[...] = 9  # the copies are ours: no model changes
    assert np.array_equal(net.frozen.numpy(), [5, 6])
    assert all(np.array_equal(before[name], array) for name, array in other.state_dict().items())
    assert [id(p) for p in net.parameters()] == [id(p) for p in parameters]


def test_loading_does_not_change_what_was_computed_or_detached():
    layer = nn.Linear(2, 2, dtype=np.float64, rng=0)
    w = layer.weight.detach().numpy().copy()
    x, detached = Tensor(np.ones((1, 2)), requires_grad=True), layer.weight.detach()
    out = layer(x).sum()
    layer.load_state_dict({"weight": np.zeros((2, 2)), "bias": np.ones(2)})
    out.backward()
    assert np.array_equal(detached.numpy(), w)
    assert np.array_equal(x.grad.numpy(), w.sum(axis=1, keepdims=True).T)
    assert np.array_equal(layer(x).detach().numpy(), [[1, 1]])


def changed(state, **changes):
    return {name: changes.get(name.replace(".", "_"), array) for name, array in state.items()}


def without(state, *names):
    return {name: array for name, array in state.items() if name not in names}


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda s: without(s, "counts"), KeyError, "missing 'counts'; unknown nothing"),
        (lambda s: s | {"extra": np.ones(1)}, KeyError, "missing nothing; unknown 'extra'"),
        (lambda s: changed(s, counts=np.zeros(3, int)), ValueError, r"'counts' has shape \(2,\).* \(3,\)"),
        (lambda s: changed(s, counts=np.zeros(2)), TypeError, r"'counts' has dtype int64.* float64"),
        (lambda s: changed(s, frozen=np.zeros(2, np.float32)), TypeError, r"dtype=float32"),
        (lambda s: changed(s, first_bias=np.zeros((4, 1))), ValueError, r"'first\.bias'"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(spoil, error, words):
    net = Net()
    before = net.state_dict()
    with pytest.raises(error, match=words):
        net.load_state_dict(spoil({name: array + 1 for name, array in before.items()}))
    assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())


def test_not_strict_loads_what_fits_and_still_checks_shapes():
    net = Net()
    net.load_state_dict({"frozen": np.array([7.0, 8.0]), "extra": np.ones(3)}, strict=False)
    assert np.array_equal(net.frozen.numpy(), [7, 8])
    with pytest.raises(ValueError, match="shape"):
        net.load_state_dict({"frozen": np.zeros(3)}, strict=False)


# --- layers -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_linear_computes_x_w_plus_b(dtype):
    layer = nn.Linear(3, 2, dtype=dtype, rng=0)
    layer.bias.data = np.array([1.0, 2.0])
    x = np.arange(12).reshape(2, 2, 3).astype(dtype)
    out = layer(x)
    assert out.dtype == layer.weight.dtype == layer.bias.dtype == dtype
    np.testing.assert_allclose(out.detach().numpy(), x @ layer.weight.detach().numpy() + [1, 2], rtol=1e-6)
    no_bias = nn.Linear(3, 2, bias=False, dtype=dtype, rng=0)
    assert [name for name, _ in no_bias.named_parameters()] == ["weight"]
    np.testing.assert_allclose(no_bias(x).detach().numpy(), x @ layer.weight.detach().numpy(), rtol=1e-6)


def test_linear_refuses_what_it_cannot_be():
    with pytest.raises(ValueError, match="not 0 and 2"):
        nn.Linear(0, 2)
    with pytest.raises(TypeError, match="floating-point"):
        nn.Linear(2, 2, dtype=int)
    with pytest.raises(ValueError, match=r"no initializer 'xavier'; there are he,"):
        nn.Linear(2, 2, weight_init="xavier")


def test_dropout_drops_in_training_only():
    layer, x = nn.Dropout(0.5, rng=0), np.ones((50, 50))
    first, second = layer(x), layer(x)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, nn.Dropout(0.5, rng=0)(x))
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match="not 1"):
        nn.Dropout(1)


def test_sequential_applies_modules_and_functions():
    x = np.array([[-1.0, 2.0]])
    layer = nn.Linear(2, 2, dtype=np.float64, rng=0)
    expected = np.tanh(np.maximum(x, 0) @ layer.weight.detach().numpy())
    np.testing.assert_allclose(nn.Sequential(F.relu, layer, np.tanh)(x).detach().numpy(), expected)
    with pytest.raises(TypeError, match=r"layer 1 is a int, which cannot be called$"):
        nn.Sequential(layer, 3)
    with pytest.raises(TypeError, match=r"Sequential\(\*layers\)"):
        nn.Sequential([layer])


# --- initial weights ----------------------------------------------------------------------------------------------
SHAPE = (400, 300)
MOMENTS = [
    (initializers.he_normal, np.sqrt(2 / 400), None),
    (initializers.he_uniform, np.sqrt(2 / 400), np.sqrt(6 / 400)),
    (initializers.glorot_normal, np.sqrt(2 / 700), None),
    (initializers.glorot_uniform, np.sqrt(2 / 700), np.sqrt(6 / 700)),
    (initializers.normal, 1, None),
    (initializers.scaled_normal, 0.01, None),
    (initializers.uniform, 0.05 / np.sqrt(3), 0.05),
]


@pytest.mark.parametrize(("initializer", "std", "limit"), MOMENTS)
def test_initializers_have_their_distribution(initializer, std, limit):
    w = initializer(SHAPE, rng=0, dtype=np.float64) / std
    n = w.size
    assert abs(w.mean()) < 4 / np.sqrt(n)
    kurtosis = 3 if limit is None else 9 / 5  # this tells a normal distribution from a uniform one
    assert abs((w**2).mean() - 1) < 4 * np.sqrt((kurtosis - 1) / n)
    assert abs((w**4).mean() - kurtosis) < 4 * np.sqrt((105 if limit is None else 9) / n)
    if limit is not None:
        assert 0.999 * limit < np.abs(w * std).max() <= limit


@pytest.mark.parametrize("initializer", [each for each, _, _ in MOMENTS] + [initializers.zeros])
def test_one_seed_gives_the_same_numbers_in_every_dtype(initializer):
    double, single = (initializer((3, 4), rng=5, dtype=dtype) for dtype in (np.float64, np.float32))
    assert double.dtype == np.float64
    assert single.dtype == np.float32
    assert np.array_equal(double.astype(np.float32), single)
    assert np.array_equal(initializer((3, 4), rng=np.random.default_rng(5), dtype=np.float64), double)


def test_initializers_that_need_a_matrix_refuse_other_shapes():
    for initializer in (initializers.he_normal, initializers.glorot_uniform):
        with pytest.raises(ValueError, match=r"not \(3,\)"):
            initializer((3,))
    for initializer in (initializers.normal, initializers.scaled_normal, initializers.uniform, initializers.zeros):
        assert [initializer(shape).shape for shape in [(), (3,), (2, 3, 4)]] == [(), (3,), (2, 3, 4)]


# --- the MLP ------------------------------------------------------------------------------------------------------
ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_mlp_is_affine_maps_with_activations_between(dtype, data):
    model, x = data.draw(gs.mlps(activations=list(ACTIVATIONS), max_layers=4, dtype=dtype))
    state = model.state_dict()
    assert list(state) == [f"layers.{i}.{n}" for i in range(len(model.layers)) for n in ("weight", "bias")]
    a = x
    for i, name in enumerate([*(f.__name__ for f in model.activations), None]):
        a = a @ state[f"layers.{i}.weight"] + state[f"layers.{i}.bias"]
        a = ACTIVATIONS[name](a) if name else a
    out = model(x)
    assert out.dtype == dtype
    np.testing.assert_allclose(out.detach().numpy(), a, rtol=1e-4 if dtype is np.float32 else 1e-12, atol=1e-6)


def test_mlp_takes_one_name_one_function_or_one_for_each_layer():
    x = np.random.default_rng(0).normal(size=(3, 4))
    spellings = ["tanh", np.tanh, F.tanh, ["tanh", F.tanh], (np.tanh, "tanh")]
    outs = [nn.MLP([4, 5, 5, 2], activation=a, dtype=np.float64, rng=0)(x).detach().numpy() for a in spellings]
    for out in outs[1:]:
        np.testing.assert_array_equal(out, outs[0])


def test_mlp_chooses_weights_that_suit_the_activation():
    sizes = [50, 60, 70, 80]
    model = nn.MLP(sizes, activation=["relu", F.sigmoid], rng=3)
    rng = np.random.default_rng(3)
    expected = [
        init(shape, rng=rng)
        for init, shape in zip(
            [initializers.he_normal, initializers.glorot_uniform, initializers.glorot_uniform],
            itertools.pairwise(sizes),
            strict=True,
        )
    ]
    for layer, weight in zip(model.layers, expected, strict=True):
        assert np.array_equal(layer.weight.detach().numpy(), weight)
        assert not layer.bias.detach().numpy().any()
    model = nn.MLP(sizes, initializer="zeros")
    assert not any(array.any() for array in model.state_dict().values())
    model = nn.MLP(sizes, initializer=lambda shape, *, rng, dtype: np.full(shape, 2, dtype))
    assert all((layer.weight.detach().numpy() == 2).all() for layer in model.layers)


def test_mlp_with_one_seed_is_the_same_in_every_dtype_with_and_without_dropout():
    states = [
        nn.MLP([4, 8, 2], dtype=dtype, dropout=dropout, rng=7).state_dict()
        for dtype in (np.float64, np.float32)
        for dropout in (0.0, 0.5)
    ]
    for state in states[1:]:
        for name, array in state.items():
            assert np.array_equal(array.astype(np.float32), states[0][name].astype(np.float32))


def test_mlp_drops_hidden_units_in_training_only():
    model = nn.MLP([4, 1000, 1], dropout=0.3, rng=0, initializer=lambda shape, *, rng, dtype: np.ones(shape, dtype))
    x = np.ones((1, 4), np.float32)
    kept = model(x).item() * 0.7 / 4
    assert abs(kept - 700) < 4 * np.sqrt(1000 * 0.3 * 0.7)
    assert kept == pytest.approx(round(kept), abs=1e-2)
    assert model.eval()(x).item() == 4000
    assert nn.MLP([4, 3, 1]).dropout is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layer_sizes": [3]}, r"not \[3\]"),
        ({"layer_sizes": [3, 0, 2]}, r"not \[3, 0, 2\]"),
        ({"layer_sizes": [3, 2], "activation": "swish"}, "no activation 'swish'"),
        ({"layer_sizes": [3, 4, 2], "activation": "swish"}, "no activation 'swish'; there are relu,"),
        ({"layer_sizes": [3, 4, 2], "activation": ["relu", "relu"]}, "1 hidden layers, but 2 activations"),
        ({"layer_sizes": [3, 4, 2], "dropout": 1.0}, "below 1"),
        ({"layer_sizes": [3, 4, 2], "initializer": "xavier"}, "no initializer 'xavier'"),
    ],
)
def test_mlp_refuses_what_it_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        nn.MLP(**arguments)


def test_mlp_repr():
    assert repr(nn.MLP([3, 4, 4, 2], ["relu", np.tanh], dropout=0.1)) == (
        "MLP([3, 4, 4, 2], activation=[relu, tanh], dropout=0.1)"
    )
    assert repr(nn.MLP([3, 2])) == "MLP([3, 2])"
