/* A stand-in for NVIDIA's library with two GPUs: the first counts energy, the second tells power alone.
   The environment sets what they draw; NVML_STUB_GONE makes every reading fail. */
#include <stdlib.h>
#include <string.h>

static long setting(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

int nvmlInit_v2(void) { return (int)setting("NVML_STUB_INIT", 0); }

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = 2;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    *handle = (void *)(size_t)(index + 1);
    return index < 2 ? 0 : 2;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length) {
    strncpy(name, device == (void *)1 ? "Counting" : "Telling", length);
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *millijoules) {
    *millijoules = (unsigned long long)setting("NVML_STUB_MJ", 5000);
    return setting("NVML_STUB_GONE", 0) ? 15 : device == (void *)1 ? 0 : 3;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
    (void)device;
    *milliwatts = (unsigned)setting("NVML_STUB_MW", 100000);
    return setting("NVML_STUB_GONE", 0) ? 15 : 0;
}
