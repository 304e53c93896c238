"""`nf.linalg`: TensorFlow 1's names of functions on matrices, which are at the root here."""

from nodeflow.namespaces import spelled

_SAME = (
    *("adjoint", "cholesky", "cholesky_solve", "cross", "det", "eigh", "einsum", "expm"),
    *("eye", "global_norm", "l2_normalize", "logdet", "logm", "lu", "lu_matrix_inverse"),
    *("lu_reconstruct", "lu_solve", "matmul", "matrix_transpose", "norm", "qr", "slogdet"),
    *("solve", "sqrtm", "svd", "tensordot", "trace", "triangular_solve"),
)

NAMES = {
    **{name: name for name in _SAME},
    "band_part": "matrix_band_part",
    "diag": "matrix_diag",
    "diag_part": "matrix_diag_part",
    "eigvalsh": "self_adjoint_eigvals",
    "inv": "inverse",
    "lstsq": "matrix_solve_ls",
    "normalize": "normalize_by_norm",
    "set_diag": "matrix_set_diag",
    "tensor_diag": "diag",
    "tensor_diag_part": "diag_part",
    "transpose": "matrix_transpose",
}
"""TensorFlow 1's name -> nodeflow's name, without ``nf.``."""

__getattr__, __dir__ = spelled(__name__, NAMES, "nf.linalg")
