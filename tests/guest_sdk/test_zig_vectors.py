"""The Zig SDK is held to what the C SDK is held to: these are its tests, run on a driver in Zig with the same commands.

The driver is built in ReleaseSafe, where every overflow, every index out of bounds and every cast that loses something is a panic. Left
out is what only C can say (NULL, text that ends with NUL, numbers that are no enumerator), and what the two do differently where
something does not fit: that is in test_zig_buffers.py.
"""

from __future__ import annotations

import pytest

from guest_sdk.driving import Driver
from guest_sdk.test_c_calls import (
    test_a_child_of_an_invalid_parent_is_invalid_without_a_host_call,
    test_a_handle_with_both_ids_is_valid,
    test_a_link_to_an_invalid_span_is_skipped_and_not_counted,
    test_a_parent_that_is_set_again_replaces_an_invalid_one,
    test_a_span_starts_under_the_current_one_or_as_a_root,
    test_an_invalid_handle_makes_no_host_call,
    test_an_invalid_remote_parent_is_none,
    test_no_traceparent_of_an_invalid_handle,
    test_status_and_end,
    test_the_current_span,
    test_the_short_way_to_start,
    test_typed_setters,
)
from guest_sdk.test_c_encoding import (
    test_a_builder_can_be_started_again_and_added_to,
    test_a_container_grows_its_header_below_fields_that_stand_behind_it,
    test_a_float_is_always_64_bits,
    test_a_text_has_the_shortest_header,
    test_an_array_has_the_shortest_header,
    test_an_integer_has_the_shortest_form,
    test_attributes_have_the_shortest_header,
    test_every_nan_is_one_nan,
    test_random_bytes_become_the_text_that_python_makes_of_them,
    test_the_last_call_counts,
    test_the_order_of_the_calls_does_not_matter,
)
from guest_sdk.test_c_vectors import (
    test_a_handle_of_the_host_is_read_as_three_numbers,
    test_a_long_attribute_has_the_canonical_bytes_in_a_buffer_of_its_own,
    test_a_traceparent_is_formatted,
    test_a_valid_traceparent_is_read,
    test_an_invalid_traceparent_leaves_everything_as_it_was,
    test_ill_formed_text_is_repaired_everywhere,
    test_it_writes_the_canonical_bytes,
)
from guest_sdk.zig_building import build_driver

__all__ = [
    "test_a_builder_can_be_started_again_and_added_to",
    "test_a_child_of_an_invalid_parent_is_invalid_without_a_host_call",
    "test_a_container_grows_its_header_below_fields_that_stand_behind_it",
    "test_a_float_is_always_64_bits",
    "test_a_handle_of_the_host_is_read_as_three_numbers",
    "test_a_handle_with_both_ids_is_valid",
    "test_a_link_to_an_invalid_span_is_skipped_and_not_counted",
    "test_a_long_attribute_has_the_canonical_bytes_in_a_buffer_of_its_own",
    "test_a_parent_that_is_set_again_replaces_an_invalid_one",
    "test_a_span_starts_under_the_current_one_or_as_a_root",
    "test_a_text_has_the_shortest_header",
    "test_a_traceparent_is_formatted",
    "test_a_valid_traceparent_is_read",
    "test_an_array_has_the_shortest_header",
    "test_an_integer_has_the_shortest_form",
    "test_an_invalid_handle_makes_no_host_call",
    "test_an_invalid_remote_parent_is_none",
    "test_an_invalid_traceparent_leaves_everything_as_it_was",
    "test_attributes_have_the_shortest_header",
    "test_every_nan_is_one_nan",
    "test_ill_formed_text_is_repaired_everywhere",
    "test_it_writes_the_canonical_bytes",
    "test_no_traceparent_of_an_invalid_handle",
    "test_random_bytes_become_the_text_that_python_makes_of_them",
    "test_status_and_end",
    "test_the_current_span",
    "test_the_last_call_counts",
    "test_the_order_of_the_calls_does_not_matter",
    "test_the_short_way_to_start",
    "test_typed_setters",
]
pytestmark = pytest.mark.toolchain


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The driver in Zig."""
    return build_driver(tmp_path_factory.getbasetemp())
