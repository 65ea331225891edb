# Included by CMake when it begins llama.cpp's own project (CMAKE_PROJECT_llama.cpp_INCLUDE): the Python server calls the
# library of models alone, and llama.cpp's helpers for command lines would double the time of the build.
set(LLAMA_BUILD_COMMON OFF)
