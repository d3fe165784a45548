// Runs the cases that are named, or all.
#include "case.h"

#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

std::vector<Case> &cases() {
    static std::vector<Case> all;
    return all;
}

static const char *self;

static pid_t start(const char *name, int from, int to) {
    fflush(stdout);
    const pid_t pid = fork();
    if (pid != 0) return pid;
    if (from >= 0) dup2(from, to);
    alarm(120);
    execl(self, self, "--child", name, static_cast<char *>(nullptr));
    _exit(127);
}

static int end_of(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child(const char *name) { return end_of(start(name, -1, -1)); }

int child(const char *name, int descriptor, std::string &text) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    const pid_t pid = start(name, ends[1], descriptor);
    close(ends[1]);
    char room[512];
    for (ssize_t got = read(ends[0], room, sizeof room); got > 0; got = read(ends[0], room, sizeof room)) text.append(room, got);
    close(ends[0]);
    return end_of(pid);
}

int main(int argc, char **argv) {
    self = argv[0];
    const bool is_child = argc > 1 && strcmp(argv[1], "--child") == 0;
    int failed = 0, run = 0;
    for (const Case &one : cases()) {
        // Names that begin with `child_` are called by other cases alone.
        bool wanted = argc == 1 && strncmp(one.name, "child_", 6) != 0;
        for (int i = 1; i < argc; ++i) wanted = wanted || strcmp(argv[i], one.name) == 0;
        if (!wanted) continue;
        const Result result = one.run();
        if (is_child) return result.empty() ? 0 : (fprintf(stderr, "%s: %s\n", one.name, result.c_str()), 1);
        ++run;
        if (result.empty()) {
            printf("ok       %s\n", one.name);
        } else if (result.rfind("skipped: ", 0) == 0) {
            printf("skipped  %s: %s\n", one.name, result.c_str() + 9);
        } else {
            printf("FAILED   %s: %s\n", one.name, result.c_str());
            ++failed;
        }
        fflush(stdout);
    }
    printf("%d cases, %d failed\n", run, failed);
    return failed != 0 || run == 0;
}
