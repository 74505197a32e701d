# find_package(pyffnn): the target pyffnn::core, a static library that needs threads alone.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/pyffnn-targets.cmake)
