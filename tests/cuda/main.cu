// Runs the cases that are named, or all.
#include "case.h"

#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

std::vector<Case> &cases() {
    static std::vector<Case> all;
    return all;
}

static const char *self;

int child(const char *name) {
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, "--child", name, static_cast<char *>(nullptr));
        _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
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
