# shellcheck shell=bash disable=SC2034 # what is set here is for those who source it
# What the scripts beside this one share; they source it. Sets the working directory to that of the sources.
#
# SOURCE_DATE_EPOCH, unless it is given, is the time of the commit; in sources without git that of their newest change.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
sources=$PWD
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/package"
target=$(cd "$target" && pwd)

# The tools that make packages, and the versions that they were tried with.
declare -A tools=([cargo-deb]=3.8.0 [cargo-generate-rpm]=0.21.1)

fail() { printf 'mod_wsgi: %s\n' "$*" >&2; exit 1; }

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.toml)
    export SOURCE_DATE_EPOCH
fi
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

version=$(sed -n '/^\[workspace.package\]/,/^version/s/^version = "\(.*\)"/\1/p' Cargo.toml)

# tool NAME: prints where a tool is; installs it below the target folder if it is not in PATH.
tool() {
    local name=$1 own=$target/tools/bin/$1
    if command -v "$name"; then return; fi
    if [ ! -x "$own" ]; then
        CARGO_TARGET_DIR=$target/tools/build cargo install --quiet --locked --version "${tools[$name]}" \
            --root "$target/tools" "$name" >&2 || fail "$name could not be installed: cargo install --locked $name"
        rm -rf "$target/tools/build"
    fi
    echo "$own"
}

# tree NAME: the files of a package, below a fresh folder, which it prints: those of `make install`, and the licenses of
# the crates. STAGE names parts that are built already.
tree() {
    local stage=${STAGE:-$target/package/stage} tree=$target/release/package/$1
    [ -n "${STAGE:-}" ] || packaging/build "$stage" >&2
    rm -rf "$tree"
    mkdir -p "$tree"
    DESTDIR=$tree apxs/install install "$stage" >/dev/null
    packaging/crates >"$tree$DOCDIR/crates.txt"
    echo "$tree"
}

# compress_pages TREE: manual pages as packages have them.
compress_pages() { find "$1/usr/share/man" -name '*.[1-8]' -exec gzip -9n {} +; }
