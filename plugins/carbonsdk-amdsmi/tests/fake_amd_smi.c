/*
 * A libamd_smi.so with the part of AMD SMI's interface that carbonsdk-amdsmi uses, laid out as the public header amdsmi.h
 * lays it out in ROCm 7.0. It knows nothing itself: each call asks the test's driver, which answers with a status.
 */
#include <stdint.h>
#include <string.h>

typedef struct {
    char text[256];
    uint64_t number;
    uint64_t nanoseconds;
    float resolution;
    uint32_t current;
    uint32_t average;
} answer_t;

typedef uint32_t (*driver_t)(const char *call, uint32_t gpu, answer_t *answer);

typedef struct {
    char market_name[256];
    uint32_t vendor_id;
    char vendor_name[256];
    uint32_t subvendor_id;
    uint64_t device_id;
    uint32_t rev_id;
    char asic_serial[256];
    uint32_t oam_id;
    uint32_t num_of_compute_units;
    uint64_t target_graphics_version;
    uint32_t subsystem_id;
    uint32_t reserved[21];
} asic_info_t;

typedef struct {
    uint64_t kfd_id;
    uint32_t node_id;
    uint32_t current_partition_id;
    uint32_t reserved[12];
} kfd_info_t;

typedef struct {
    uint64_t socket_power;
    uint32_t current_socket_power;
    uint32_t average_socket_power;
    uint64_t gfx_voltage;
    uint64_t soc_voltage;
    uint64_t mem_voltage;
    uint32_t power_limit;
    uint64_t reserved[18];
} power_info_t;

static driver_t driver;

void fake_drive(driver_t asked) { driver = asked; }

static uint32_t ask(const char *call, void *handle, answer_t *answer)
{
    memset(answer, 0, sizeof *answer);
    return driver(call, (uint32_t)(uintptr_t)handle - 1, answer);
}

uint32_t amdsmi_init(uint64_t flags)
{
    answer_t answer;
    (void)flags;
    return ask("init", (void *)1, &answer);
}

uint32_t amdsmi_shut_down(void)
{
    answer_t answer;
    return ask("shut_down", (void *)1, &answer);
}

/* A socket for each GPU, and one processor in it. */
uint32_t amdsmi_get_socket_handles(uint32_t *count, void **sockets)
{
    answer_t answer;
    uint32_t status = ask("sockets", (void *)1, &answer);
    if (status == 0) {
        *count = (uint32_t)answer.number;
        for (uint32_t i = 0; sockets && i < *count; i++)
            sockets[i] = (void *)(uintptr_t)(i + 1);
    }
    return status;
}

uint32_t amdsmi_get_processor_handles(void *socket, uint32_t *count, void **processors)
{
    *count = 1;
    if (processors)
        processors[0] = socket;
    return 0;
}

uint32_t amdsmi_get_gpu_device_uuid(void *handle, uint32_t *length, char *uuid)
{
    answer_t answer;
    uint32_t status = ask("uuid", handle, &answer);
    if (status == 0) {
        strncpy(uuid, answer.text, *length - 1);
        uuid[*length - 1] = 0;
    }
    return status;
}

uint32_t amdsmi_get_gpu_device_bdf(void *handle, uint64_t *bdf)
{
    answer_t answer;
    uint32_t status = ask("bdf", handle, &answer);
    *bdf = answer.number;
    return status;
}

uint32_t amdsmi_get_gpu_asic_info(void *handle, asic_info_t *info)
{
    answer_t answer;
    uint32_t status = ask("asic", handle, &answer);
    char *serial = strchr(answer.text, '\n');
    memset(info, 0, sizeof *info);
    info->vendor_id = 0x1002;
    strcpy(info->vendor_name, "Advanced Micro Devices, Inc. [AMD/ATI]");
    if (serial) {
        *serial = 0;
        strcpy(info->asic_serial, serial + 1);
    }
    strcpy(info->market_name, answer.text);
    return status;
}

uint32_t amdsmi_get_gpu_kfd_info(void *handle, kfd_info_t *info)
{
    answer_t answer;
    uint32_t status = ask("kfd", handle, &answer);
    memset(info, 0, sizeof *info);
    info->node_id = (uint32_t)answer.number;
    return status;
}

uint32_t amdsmi_get_power_info(void *handle, power_info_t *info)
{
    answer_t answer;
    uint32_t status = ask("power", handle, &answer);
    memset(info, 0, sizeof *info);
    info->socket_power = answer.number;
    info->current_socket_power = answer.current;
    info->average_socket_power = answer.average;
    info->gfx_voltage = info->soc_voltage = info->mem_voltage = 0xFFFF;
    return status;
}

uint32_t amdsmi_get_energy_count(void *handle, uint64_t *accumulator, float *resolution, uint64_t *timestamp)
{
    answer_t answer;
    uint32_t status = ask("energy", handle, &answer);
    *accumulator = answer.number;
    *resolution = answer.resolution;
    *timestamp = answer.nanoseconds;
    return status;
}
