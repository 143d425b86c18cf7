"""The AssemblyScript SDK is held to what the C SDK is held to: the same commands, and the same bytes."""

from __future__ import annotations

import pytest

from guest_sdk import assemblyscript_driving, test_c_calls, test_c_encoding, test_c_vectors

pytestmark = pytest.mark.toolchain
driver = assemblyscript_driving.driver

ARENA = "a block has a header here: test_assemblyscript_arena.py"
NOT_HERE = {
    "test_a_handle_of_the_host_is_read_as_three_numbers": "every INVALID handle is one span",
    "test_a_payload_holds_as_many_as_fit": "it holds 65,535 of each at most",
    "test_all_is_free_when_the_last_block_has_come_back": ARENA,
    "test_blocks_are_given_back_in_any_order": ARENA,
    "test_blocks_never_overlap": ARENA,
    "test_foreign_pointers_are_ignored": ARENA,
    "test_functions_that_look_for_a_nul_write_the_same": "strings have a length",
    "test_ill_formed_text_is_repaired_everywhere": "strings are UTF-16",
    "test_no_parent_is_none_whatever_was_said_of_one": "what was said of a parent is not taken back",
    "test_null_is_the_empty_text_the_empty_list_and_no_parent": "null has a type",
    "test_random_bytes_become_the_text_that_python_makes_of_them": "strings are UTF-16",
    "test_the_arena_is_full_at_its_size_and_no_earlier": ARENA,
    "test_the_current_span": "null stands where there is none",
}
"""The C SDK's tests that have no meaning here, and why; _spans.py, _buffers.py and _arena.py beside it have what stands for them."""

for module in (test_c_calls, test_c_encoding, test_c_vectors):
    globals().update({name: test for name, test in vars(module).items() if name.startswith("test_") and name not in NOT_HERE})
