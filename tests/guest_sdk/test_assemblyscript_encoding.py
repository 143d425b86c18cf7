"""The AssemblyScript SDK is held to what the C SDK is held to: the same commands, and the same bytes."""

from __future__ import annotations

import pytest

from guest_sdk import assemblyscript_driving, test_c_calls, test_c_encoding, test_c_small_buffers, test_c_vectors

pytestmark = pytest.mark.toolchain
driver = assemblyscript_driving.driver

NOT_HERE = {
    "test_a_handle_of_the_host_is_read_as_three_numbers": "every INVALID handle is one span",
    "test_functions_that_look_for_a_nul_write_the_same": "strings have a length",
    "test_ill_formed_text_is_repaired_everywhere": "strings are UTF-16",
    "test_null_is_the_empty_text_and_the_empty_array": "null has a type",
    "test_random_bytes_become_the_text_that_python_makes_of_them": "strings are UTF-16",
    "test_the_current_span": "null stands where there is none",
}
"""The C SDK's tests that have no meaning here, and why; test_assemblyscript_spans.py has what stands for them."""

for module in (test_c_calls, test_c_encoding, test_c_small_buffers, test_c_vectors):
    globals().update({name: test for name, test in vars(module).items() if name.startswith("test_") and name not in NOT_HERE})
