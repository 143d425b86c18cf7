#include <stdint.h>

// --- the guest ---

extern "C" __attribute__((export_name("on_request_complete"))) int32_t on_request_complete_1(const char *event_json, uint32_t length);
int32_t on_request_complete_1(const char *event_json, uint32_t length) {
  (void)event_json;
  (void)length;
  return 0;
}
