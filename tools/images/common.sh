# Sourced by the scripts beside it, with $here, this folder.
# shellcheck shell=sh disable=SC2034,SC2154
root=$(cd "$here/../.." && pwd)
out=$root/build/images
sources=$out/source

# ccache would replace the paths that __FILE__ shows by others, which depend on this machine.
unset CCACHE_BASEDIR

target_names=$(awk '!/^#/ { print $1 }' "$here/targets")

# Sets triple, machine, processor and the folders of the target $1.
select_target() {
    target=$1
    line=$(awk -v name="$target" '$1 == name { print $2, $3, $5 }' "$here/targets")
    if [ -z "$line" ]; then
        echo "no such target: $target; there are: $(echo "$target_names" | xargs)" >&2
        exit 2
    fi
    read -r triple machine processor <<EOF
$line
EOF
    sysroot=$out/$target/sysroot
}

# Configures with CMake for the selected target; the arguments are CMake's. Optimisation at link time, also of the
# libraries, makes the images smaller by a thirtieth.
configure() {
    cmake -G Ninja --log-level=WARNING -DCMAKE_TOOLCHAIN_FILE="$here/musl.cmake" -DMUSL_TRIPLE="$triple" \
        -DMUSL_MACHINE="$machine" -DMUSL_SYSROOT="$sysroot" -DCMAKE_BUILD_TYPE=MinSizeRel \
        -DCMAKE_C_FLAGS_MINSIZEREL="-Oz -g" -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON "$@" >/dev/null
}
