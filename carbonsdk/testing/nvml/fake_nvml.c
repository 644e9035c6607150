/* A libnvidia-ml.so.1 without a GPU: it answers from a written description and a clock that the test moves.
 *
 * The directory named by FAKE_NVML holds `gpus`, a text that carbonsdk.testing.nvml writes, and `control`, the struct
 * below, shared through mmap. A change of `version` has the text read again; a `now_ns` of -1 means real time since `origin_ns`.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_GPUS 64
#define MAX_ITEMS 64
#define TEXT 128
#define MIG_HANDLES 1000

enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9
};
enum { FIELD_ENERGY = 83, FIELD_AVERAGE = 185, FIELD_INSTANT = 186, FIELD_MAX_LIMIT = 188 };
enum { TYPE_UINT = 1, TYPE_ULONGLONG = 3 };
enum { USAGE_NONE = 0, USAGE_INSTANT = 1, USAGE_AVERAGE = 2 };

typedef struct { uint64_t version; int64_t now_ns, origin_ns; uint64_t inits, shutdowns, calls; } control_t;
typedef struct { int repeat, count; double *t, *w, *e; } curve_t;
typedef struct { curve_t curves[MAX_ITEMS]; int count; } profile_t;
typedef struct { char call[TEXT]; double start, end, hang; int code, has_value, times, seen; unsigned long long value; } fault_t;
typedef struct { unsigned pid, sm; unsigned long long bytes; int graphics; } process_t;
typedef struct {
    char uuid[TEXT], bus[TEXT], name[TEXT];
    unsigned architecture, limit_mw, cores, clock_mhz, module_limit_mw;
    int counter, usage, average, instant, mig;
    double counter_step, counter_offset, counter_scale, power_step, power_window;
    profile_t board, module;
    char migs[MAX_ITEMS][TEXT];
    int mig_count;
    double resets[MAX_ITEMS];
    int reset_count;
    process_t processes[MAX_ITEMS];
    int process_count;
    fault_t faults[MAX_ITEMS];
    int fault_count;
} gpu_t;
typedef struct { int has_value; unsigned long long value; double now; gpu_t *gpu; } answer_t;

/* The public structs of nvml.h, as far as they are filled in. */
typedef void *nvmlDevice_t;
typedef struct {
    char bus_legacy[16];
    unsigned domain, bus, device, pci_device, pci_subsystem;
    char bus_id[32];
} pci_t;
typedef union { double d; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; int si; } value_t;
typedef struct { unsigned field, scope; int64_t timestamp, latency_us; unsigned type; int code; value_t value; } field_t;
typedef struct { unsigned pid; unsigned long long bytes; unsigned gpu_instance, compute_instance; } running_t;
typedef struct { unsigned pid; unsigned long long timestamp_us; unsigned sm, mem, enc, dec; } sample_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static control_t *control;
static char directory[4000];
static uint64_t read_version;
static int references, init_code, gpu_count;
static char driver[TEXT];
static gpu_t gpus[MAX_GPUS];

/* ---- profiles: the same arithmetic as carbonsdk.testing.profile ---- */

static double fold(const curve_t *c, double t, double *periods) {
    *periods = 0;
    if (!c->repeat) return t;
    double phase = fmod(t, c->t[c->count - 1]);
    *periods = round((t - phase) / c->t[c->count - 1]);
    return phase;
}

static int after(const curve_t *c, double t) { /* the first point later than t */
    int low = 0, high = c->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (t < c->t[middle]) high = middle; else low = middle + 1;
    }
    return low;
}

static double curve_watts(const curve_t *c, double t) {
    double periods, phase = fold(c, t, &periods);
    int i = after(c, phase);
    if (i == 0) return c->w[0];
    if (i == c->count) return c->w[c->count - 1];
    return c->w[i - 1] + (c->w[i] - c->w[i - 1]) * (phase - c->t[i - 1]) / (c->t[i] - c->t[i - 1]);
}

static double curve_joules(const curve_t *c, double t) {
    double periods, phase = fold(c, t, &periods);
    int i = after(c, phase);
    if (i == 0) return periods * c->e[c->count - 1] + c->w[0] * phase;
    double begun = phase - c->t[i - 1], mean = c->w[i - 1];
    if (i < c->count) mean += (c->w[i] - c->w[i - 1]) / (c->t[i] - c->t[i - 1]) * begun / 2;
    return periods * c->e[c->count - 1] + c->e[i - 1] + mean * begun;
}

static double watts(const profile_t *p, double t) {
    double sum = 0;
    for (int i = 0; t >= 0 && i < p->count; i++) sum += curve_watts(&p->curves[i], t);
    return sum;
}

static double joules(const profile_t *p, double t) {
    double sum = 0;
    for (int i = 0; t > 0 && i < p->count; i++) sum += curve_joules(&p->curves[i], t);
    return sum;
}

/* ---- the description ---- */

static void read_curve(profile_t *p, char *text) {
    int used = 0;
    curve_t *c = &p->curves[p->count];
    if (p->count == MAX_ITEMS || sscanf(text, "%d %d%n", &c->repeat, &c->count, &used) != 2) return;
    c->t = calloc(3 * (size_t)c->count, sizeof(double));
    c->w = c->t + c->count;
    c->e = c->w + c->count;
    for (int i = 0; i < c->count; i++) {
        text += used;
        sscanf(text, "%lf %lf%n", &c->t[i], &c->w[i], &used);
        c->e[i] = i ? c->e[i - 1] + (c->t[i] - c->t[i - 1]) * (c->w[i] + c->w[i - 1]) / 2 : c->t[0] * c->w[0];
    }
    p->count++;
}

static void read_hex(char *into, const char *hex) {
    int n = 0;
    for (unsigned byte; n < TEXT - 1 && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) into[n] = (char)byte;
    into[n] = 0;
}

static void read_line(char *line) {
    char key[TEXT];
    int used = 0;
    if (sscanf(line, "%127s %n", key, &used) != 1) return;
    char *rest = line + used;
    if (!strcmp(key, "init")) { init_code = atoi(rest); return; }
    if (!strcmp(key, "driver")) { sscanf(rest, "%127s", driver); return; }
    if (!strcmp(key, "gpu")) {
        if (gpu_count < MAX_GPUS) gpu_count++;
        return;
    }
    if (!gpu_count) return;
    gpu_t *g = &gpus[gpu_count - 1];
    if (!strcmp(key, "uuid")) sscanf(rest, "%127s", g->uuid);
    else if (!strcmp(key, "bus")) sscanf(rest, "%127s", g->bus);
    else if (!strcmp(key, "name")) read_hex(g->name, rest);
    else if (!strcmp(key, "chip"))
        sscanf(rest, "%u %u %u %u %u", &g->architecture, &g->limit_mw, &g->cores, &g->clock_mhz, &g->module_limit_mw);
    else if (!strcmp(key, "counter"))
        sscanf(rest, "%d %lf %lf %lf", &g->counter, &g->counter_step, &g->counter_offset, &g->counter_scale);
    else if (!strcmp(key, "power"))
        sscanf(rest, "%d %d %d %lf %lf", &g->usage, &g->average, &g->instant, &g->power_step, &g->power_window);
    else if (!strcmp(key, "curve")) read_curve(&g->board, rest);
    else if (!strcmp(key, "module")) read_curve(&g->module, rest);
    else if (!strcmp(key, "mig_mode")) g->mig = atoi(rest);
    else if (!strcmp(key, "mig") && g->mig_count < MAX_ITEMS) sscanf(rest, "%127s", g->migs[g->mig_count++]);
    else if (!strcmp(key, "reset") && g->reset_count < MAX_ITEMS) g->resets[g->reset_count++] = atof(rest);
    else if (!strcmp(key, "process") && g->process_count < MAX_ITEMS) {
        process_t *p = &g->processes[g->process_count++];
        sscanf(rest, "%u %d %llu %u", &p->pid, &p->graphics, &p->bytes, &p->sm);
    } else if (!strcmp(key, "fault") && g->fault_count < MAX_ITEMS) {
        fault_t *f = &g->faults[g->fault_count++];
        sscanf(rest, "%127s %lf %lf %d %lf %d %d %llu", f->call, &f->start, &f->end, &f->times, &f->hang, &f->code, &f->has_value,
               &f->value);
    }
}

static void read_description(void) {
    char path[4100], *line = NULL;
    size_t room = 0;
    for (int i = 0; i < gpu_count; i++)
        for (int j = 0; j < MAX_ITEMS; j++) {
            free(gpus[i].board.curves[j].t);
            free(gpus[i].module.curves[j].t);
        }
    memset(gpus, 0, sizeof gpus);
    gpu_count = init_code = 0;
    read_version = control->version;
    snprintf(path, sizeof path, "%s/gpus", directory);
    FILE *file = fopen(path, "r");
    if (!file) return;
    while (getline(&line, &room, file) > 0) read_line(line);
    free(line);
    fclose(file);
}

static int attach(void) { /* at the first init: the directory may be another one than last time */
    char path[4100];
    const char *named = getenv("FAKE_NVML");
    if (control) munmap(control, sizeof *control);
    control = NULL;
    if (!named || strlen(named) >= sizeof directory) return DRIVER_NOT_LOADED;
    strcpy(directory, named);
    snprintf(path, sizeof path, "%s/control", directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return DRIVER_NOT_LOADED;
    void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == MAP_FAILED) return DRIVER_NOT_LOADED;
    control = shared;
    read_description();
    return SUCCESS;
}

static double now_s(void) {
    if (control->now_ns >= 0) return (double)control->now_ns / 1e9;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)((int64_t)t.tv_sec * 1000000000 + t.tv_nsec - control->origin_ns) / 1e9;
}

/* ---- faults ---- */

static int is_call(const fault_t *f, const char *call) { return !strcmp(f->call, call) || !strcmp(f->call, "*"); }

static int find_fault(gpu_t *g, const char *call, answer_t *a, double *hang) {
    int code = SUCCESS;
    *hang = 0;
    for (int i = 0; i < g->fault_count; i++) {
        fault_t *f = &g->faults[i];
        if (!is_call(f, call) || a->now < f->start || a->now >= f->end) continue;
        if (f->times && f->seen++ >= f->times) continue;
        if (f->code) code = f->code;
        if (f->hang > *hang) *hang = f->hang;
        if (f->has_value) { a->has_value = 1; a->value = f->value; }
    }
    return code;
}

static int locate(nvmlDevice_t handle, answer_t *a) {
    uintptr_t h = (uintptr_t)handle;
    uintptr_t index = h >= MIG_HANDLES ? h / MIG_HANDLES - 1 : h - 1;
    if (!h || index >= (uintptr_t)gpu_count) return INVALID_ARGUMENT;
    a->gpu = &gpus[index];
    a->now = now_s();
    return SUCCESS;
}

/* Take the lock and hold it on SUCCESS; a fault that hangs sleeps without it, as a driver call would. */
static int enter(nvmlDevice_t handle, const char *call, answer_t *a) {
    memset(a, 0, sizeof *a);
    pthread_mutex_lock(&lock);
    int code = references ? SUCCESS : UNINITIALIZED;
    if (!code) {
        control->calls++;
        if (control->version != read_version) read_description();
        code = locate(handle, a);
    }
    double hang = 0;
    if (!code) code = find_fault(a->gpu, call, a, &hang);
    if (hang > 0) {
        struct timespec wait = {(time_t)hang, (long)((hang - floor(hang)) * 1e9)};
        pthread_mutex_unlock(&lock);
        nanosleep(&wait, NULL);
        pthread_mutex_lock(&lock);
        if (!code) code = references ? locate(handle, a) : UNINITIALIZED;
    }
    if (code) pthread_mutex_unlock(&lock);
    return code;
}

static int leave(int code) {
    pthread_mutex_unlock(&lock);
    return code;
}

static int copy(char *into, unsigned room, const char *text) {
    if (strlen(text) >= room) return INSUFFICIENT_SIZE;
    strcpy(into, text);
    return SUCCESS;
}

/* ---- sensors ---- */

static double stepped(double t, double step) { return step > 0 ? floor(t / step + 1e-9) * step : t; }

static unsigned long long energy_mj(const gpu_t *g, double now) {
    const profile_t *p = g->module.count ? &g->module : &g->board;
    double t = stepped(now, g->counter_step), since = 0, offset = g->counter_offset;
    for (int i = 0; i < g->reset_count; i++)
        if (g->resets[i] <= now && g->resets[i] >= since) { since = g->resets[i]; offset = 0; }
    if (t < since) t = since;
    return (unsigned long long)(((joules(p, t) - joules(p, since)) * g->counter_scale + offset) * 1000 + 1e-6);
}

static unsigned mean_mw(const profile_t *p, double t, double window) {
    if (window > t) window = t; /* nothing was drawn before the profile began, and nothing was averaged */
    return (unsigned)((window > 0 ? (joules(p, t) - joules(p, t - window)) / window : watts(p, t)) * 1000 + 0.5);
}

static unsigned power_mw(const gpu_t *g, int scope, double now, int average) {
    return mean_mw(scope ? &g->module : &g->board, stepped(now, g->power_step), average ? 1.0 : g->power_window);
}

static void read_field(answer_t *a, field_t *f) {
    char call[TEXT];
    double hang;
    gpu_t *g = a->gpu;
    a->has_value = 0;
    snprintf(call, sizeof call, "field:%u", f->field);
    f->timestamp = (int64_t)(a->now * 1e6);
    f->type = f->field == FIELD_ENERGY ? TYPE_ULONGLONG : TYPE_UINT;
    f->value.ull = 0;
    f->code = find_fault(g, call, a, &hang);
    if (f->code) return;
    f->code = NOT_SUPPORTED;
    if (f->scope > 1 || (f->scope == 1 && !g->module.count)) return;
    int power = (f->field == FIELD_AVERAGE && g->average) || (f->field == FIELD_INSTANT && g->instant);
    if (!power && !(f->field == FIELD_ENERGY && g->counter) && !(f->field == FIELD_MAX_LIMIT && g->limit_mw)) return;
    f->code = SUCCESS;
    if (a->has_value) f->value.ull = a->value;
    else if (f->field == FIELD_ENERGY) f->value.ull = energy_mj(g, a->now);
    else if (f->field == FIELD_MAX_LIMIT) f->value.ui = f->scope ? g->module_limit_mw : g->limit_mw;
    else f->value.ui = power_mw(g, (int)f->scope, a->now, f->field == FIELD_AVERAGE);
}

/* ---- the interface, named as pynvml looks it up ---- */

EXPORT int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    pthread_mutex_lock(&lock);
    int code = references ? SUCCESS : attach();
    if (!code) code = init_code;
    if (!code) {
        references++;
        control->inits++;
    }
    return leave(code);
}

EXPORT int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

EXPORT int nvmlShutdown(void) {
    pthread_mutex_lock(&lock);
    if (!references) return leave(UNINITIALIZED);
    references--;
    control->shutdowns++;
    return leave(SUCCESS);
}

EXPORT const char *nvmlErrorString(int code) {
    static char text[TEXT];
    snprintf(text, sizeof text, "fake error %d", code);
    return text;
}

static int system_text(char *into, unsigned room, const char *text) {
    pthread_mutex_lock(&lock);
    return leave(references ? copy(into, room, text) : UNINITIALIZED);
}

EXPORT int nvmlSystemGetDriverVersion(char *into, unsigned room) { return system_text(into, room, driver); }
EXPORT int nvmlSystemGetNVMLVersion(char *into, unsigned room) { return system_text(into, room, driver); }

EXPORT int nvmlDeviceGetCount_v2(unsigned *count) {
    pthread_mutex_lock(&lock);
    if (!references) return leave(UNINITIALIZED);
    if (control->version != read_version) read_description();
    *count = (unsigned)gpu_count;
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
    answer_t a;
    nvmlDevice_t handle = (nvmlDevice_t)((uintptr_t)index + 1);
    int code = enter(handle, "nvmlDeviceGetHandleByIndex", &a);
    if (code) return code;
    *device = handle;
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device) {
    uintptr_t found = 0;
    pthread_mutex_lock(&lock);
    if (!references) return leave(UNINITIALIZED);
    if (control->version != read_version) read_description();
    for (int i = 0; i < gpu_count; i++) {
        if (!strcmp(gpus[i].uuid, uuid)) found = (uintptr_t)i + 1;
        for (int j = 0; j < gpus[i].mig_count; j++)
            if (!strcmp(gpus[i].migs[j], uuid)) found = (uintptr_t)((i + 1) * MIG_HANDLES + j);
    }
    leave(SUCCESS);
    if (!found) return NOT_FOUND;
    answer_t a;
    int code = enter((nvmlDevice_t)found, "nvmlDeviceGetHandleByUUID", &a);
    if (code) return code;
    *device = (nvmlDevice_t)found;
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetIndex", &a);
    if (code) return code;
    *index = (unsigned)(a.gpu - gpus);
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetUUID(nvmlDevice_t device, char *into, unsigned room) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetUUID", &a);
    if (code) return code;
    uintptr_t h = (uintptr_t)device;
    return leave(copy(into, room, h >= MIG_HANDLES ? a.gpu->migs[h % MIG_HANDLES] : a.gpu->uuid));
}

EXPORT int nvmlDeviceGetName(nvmlDevice_t device, char *into, unsigned room) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetName", &a);
    return code ? code : leave(copy(into, room, a.gpu->name));
}

EXPORT int nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, pci_t *pci) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetPciInfo", &a);
    if (code) return code;
    memset(pci, 0, sizeof *pci);
    sscanf(a.gpu->bus, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
    return leave(copy(pci->bus_id, sizeof pci->bus_id, a.gpu->bus));
}

/* What is one number of the device: `value`, or what a fault put in its place; 0 is "not supported". */
#define NUMBER(function, name, type, number)                                \
    EXPORT int function(nvmlDevice_t device, type *into) {                  \
        answer_t a;                                                         \
        int code = enter(device, name, &a);                                 \
        if (code) return code;                                              \
        if (!a.has_value && !(number)) return leave(NOT_SUPPORTED);         \
        *into = a.has_value ? (type)a.value : (type)(number);               \
        return leave(SUCCESS);                                              \
    }

NUMBER(nvmlDeviceGetArchitecture, "nvmlDeviceGetArchitecture", unsigned, a.gpu->architecture)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, "nvmlDeviceGetEnforcedPowerLimit", unsigned, a.gpu->limit_mw)
NUMBER(nvmlDeviceGetPowerManagementLimit, "nvmlDeviceGetPowerManagementLimit", unsigned, a.gpu->limit_mw)
NUMBER(nvmlDeviceGetNumGpuCores, "nvmlDeviceGetNumGpuCores", unsigned, a.gpu->cores)

EXPORT int nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *mj) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetTotalEnergyConsumption", &a);
    if (code) return code;
    if (!a.gpu->counter) return leave(NOT_SUPPORTED);
    *mj = a.has_value ? a.value : energy_mj(a.gpu, a.now);
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *mw) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetPowerUsage", &a);
    if (code) return code;
    if (a.gpu->usage == USAGE_NONE) return leave(NOT_SUPPORTED);
    *mw = a.has_value ? (unsigned)a.value : power_mw(a.gpu, 0, a.now, a.gpu->usage == USAGE_AVERAGE);
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, field_t *fields) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetFieldValues", &a);
    if (code) return code;
    for (int i = 0; i < count; i++) read_field(&a, &fields[i]);
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned *low, unsigned *high) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetPowerManagementLimitConstraints", &a);
    if (code) return code;
    if (!a.gpu->limit_mw) return leave(NOT_SUPPORTED);
    *low = a.gpu->limit_mw / 4;
    *high = a.gpu->limit_mw;
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, unsigned kind, unsigned *mhz) {
    answer_t a;
    (void)kind;
    int code = enter(device, "nvmlDeviceGetMaxClockInfo", &a);
    if (code) return code;
    *mhz = a.gpu->clock_mhz;
    return leave(a.gpu->clock_mhz ? SUCCESS : NOT_SUPPORTED);
}

EXPORT int nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetMigMode", &a);
    if (code) return code;
    if (a.gpu->mig < 0) return leave(NOT_SUPPORTED);
    *current = *pending = (unsigned)a.gpu->mig;
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *count) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetMaxMigDeviceCount", &a);
    if (code) return code;
    *count = a.gpu->mig > 0 ? 7 : 0;
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *mig) {
    answer_t a;
    int code = enter(device, "nvmlDeviceGetMigDeviceHandleByIndex", &a);
    if (code) return code;
    if (index >= (unsigned)a.gpu->mig_count) return leave(NOT_FOUND);
    *mig = (nvmlDevice_t)((uintptr_t)device * MIG_HANDLES + index);
    return leave(SUCCESS);
}

EXPORT int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig, nvmlDevice_t *device) {
    answer_t a;
    int code = enter(mig, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle", &a);
    if (code) return code;
    *device = (nvmlDevice_t)(uintptr_t)(a.gpu - gpus + 1);
    return leave(SUCCESS);
}

static int running(nvmlDevice_t device, const char *call, int graphics, unsigned *count, running_t *into) {
    answer_t a;
    unsigned found = 0, room = *count;
    int code = enter(device, call, &a);
    if (code) return code;
    for (int i = 0; i < a.gpu->process_count; i++) {
        process_t *p = &a.gpu->processes[i];
        if (p->graphics != graphics) continue;
        if (into && found < room) into[found] = (running_t){p->pid, p->bytes, 0xFFFFFFFF, 0xFFFFFFFF};
        found++;
    }
    *count = found;
    return leave(found > room ? INSUFFICIENT_SIZE : SUCCESS);
}

EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, running_t *into) {
    return running(device, "nvmlDeviceGetComputeRunningProcesses", 0, count, into);
}

EXPORT int nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned *count, running_t *into) {
    return running(device, "nvmlDeviceGetGraphicsRunningProcesses", 1, count, into);
}

EXPORT int nvmlDeviceGetProcessUtilization(nvmlDevice_t device, sample_t *into, unsigned *count, unsigned long long since) {
    answer_t a;
    unsigned found = 0, room = *count;
    int code = enter(device, "nvmlDeviceGetProcessUtilization", &a);
    if (code) return code;
    unsigned long long now_us = (unsigned long long)(a.now * 1e6);
    for (int i = 0; since < now_us && i < a.gpu->process_count; i++) {
        process_t *p = &a.gpu->processes[i];
        if (into && found < room) into[found] = (sample_t){p->pid, now_us, p->sm, 0, 0, 0};
        found++;
    }
    *count = found;
    if (!found) return leave(NOT_FOUND);
    return leave(into && found <= room ? SUCCESS : INSUFFICIENT_SIZE);
}
