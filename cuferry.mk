# cuferry.mk: an x86_64 build and image of an ARM CUDA project, from its own Makefile.
#
#   include path/to/cuferry.mk
#
#   make cuferry-build    compiles; programs go to target/cuferry/<host>/ of the project
#   make cuferry-image    compiles, and writes the image under target/cuferry/
#   make cuferry-clean    removes target/cuferry/
#
# cuferry itself knows what is up to date, so these targets always ask it. `make -j N` and `make -k` hand their N and their patience on;
# `make -n` shows the commands.
#
# To be set before the include, or on make's command line:
#   CUFERRY           the command: `cuferry` otherwise
#   CUFERRY_PROJECT   the folder with cuferry.toml or sources: where make runs, otherwise
#   CUFERRY_FLAGS     more options, such as `--gpu sm_86,sm_90`, `--host aarch64` or `--offline`; nothing otherwise
#   CUFERRY_PREFIX    what the targets' names begin with: `cuferry-` otherwise. Set it to nothing for plain `build`, `image` and `clean`,
#                     in a Makefile that has no recipes for these names; it can still add prerequisites to them.

CUFERRY ?= cuferry
CUFERRY_PROJECT ?= .
CUFERRY_FLAGS ?=
CUFERRY_PREFIX ?= cuferry-

# An include must not decide what a plain `make` builds.
cuferry_default_goal := $(.DEFAULT_GOAL)

# In quotes for the shell; never empty, because of `rm -rf` below.
cuferry_project = '$(subst ','\'',$(or $(strip $(CUFERRY_PROJECT)),.))'

# MAKEFLAGS is whole only while a recipe runs, hence `=`. Its first word holds the one-letter options; with the dash before it, it
# cannot be a long option or a variable. What CUFERRY_FLAGS says already is not said twice. `-j` without a number means "no limit" to
# make: cuferry then decides by itself.
cuferry_jobs = $(if $(filter -j% --jobs%,$(CUFERRY_FLAGS)),,$(patsubst -j%,-j %,$(filter-out -j,$(filter -j%,$(MAKEFLAGS)))))
cuferry_keep_going = $(if $(filter -k,$(CUFERRY_FLAGS)),,$(if $(findstring k,$(firstword -$(MAKEFLAGS))),-k))
cuferry_options = $(strip $(cuferry_jobs) $(cuferry_keep_going) $(CUFERRY_FLAGS))

.PHONY: $(CUFERRY_PREFIX)build $(CUFERRY_PREFIX)image $(CUFERRY_PREFIX)clean

$(CUFERRY_PREFIX)build:
	$(CUFERRY) rebuild $(cuferry_project) --no-image $(cuferry_options)

$(CUFERRY_PREFIX)image:
	$(CUFERRY) rebuild $(cuferry_project) $(cuferry_options)

$(CUFERRY_PREFIX)clean:
	rm -rf $(cuferry_project)/target/cuferry

.DEFAULT_GOAL := $(cuferry_default_goal)
