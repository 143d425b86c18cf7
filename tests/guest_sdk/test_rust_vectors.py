"""The Rust SDK against the golden vectors of `abi/vectors`: the tests that the C SDK passes, with its own driver."""

from __future__ import annotations

import pytest

from guest_sdk.rust_build import driver
from guest_sdk.test_c_vectors import (
    test_a_handle_of_the_host_is_read_as_three_numbers,
    test_a_long_attribute_has_the_canonical_bytes_in_a_buffer_of_its_own,
    test_a_traceparent_is_formatted,
    test_a_valid_traceparent_is_read,
    test_an_invalid_traceparent_leaves_everything_as_it_was,
    test_ill_formed_text_is_repaired_everywhere,
    test_it_writes_the_canonical_bytes,
)

__all__ = [
    "driver",
    "test_a_handle_of_the_host_is_read_as_three_numbers",
    "test_a_long_attribute_has_the_canonical_bytes_in_a_buffer_of_its_own",
    "test_a_traceparent_is_formatted",
    "test_a_valid_traceparent_is_read",
    "test_an_invalid_traceparent_leaves_everything_as_it_was",
    "test_ill_formed_text_is_repaired_everywhere",
    "test_it_writes_the_canonical_bytes",
]

pytestmark = pytest.mark.toolchain
