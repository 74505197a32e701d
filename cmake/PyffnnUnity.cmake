# What makes a build of everything cheaper: source files in groups, and headers that are read once.
#
# Most of what a binding costs is pybind11, which is read and compiled anew for each file, and half of a small kernel is <immintrin.h>.

# They have options of their own.
set(PYFFNN_UNITY_ALONE bindings/register_hooks.cpp bindings/hot_calls.cpp bindings/register_fasttext_predict.cpp core/dispatch.cpp)
# Those that repeat local names of the group of their folder, but not of each other.
set(PYFFNN_UNITY_apart capi/load_model.cpp net/network.cpp net/outputs/sampled.cpp fasttext/trainer.cpp)
set(PYFFNN_UNITY_also_apart capi/model_file.cpp core/cpu.cpp net/outputs/sweep.cpp ops/products/tile_gemm.cpp)
# Two groups of bindings, which two cores compile at the end, when the rest is done; all else is the other one.
set(PYFFNN_UNITY_bindings_network arrow arrow_batch examples interchange module network network_spec recycled)

# pyffnn_group(<target> <source>...)
function(pyffnn_group target)
  if(NOT PYFFNN_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # A local type in a file that is no longer the main one is no fault; and memory is tidied up less often.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage --param=ggc-min-heapsize=400000)
  endif()
  foreach(source IN LISTS ARGN)
    file(RELATIVE_PATH name ${CMAKE_CURRENT_SOURCE_DIR} ${source})
    get_filename_component(group ${name} DIRECTORY)
    string(REPLACE "/" "_" group ${group})
    if(group STREQUAL "bindings")
      get_filename_component(stem ${name} NAME_WE)
      string(REGEX REPLACE "^register_" "" topic ${stem})
      set(group bindings_rest)
      if(topic IN_LIST PYFFNN_UNITY_bindings_network)
        set(group bindings_network)
      endif()
    elseif(group MATCHES "^net_(sources|inputs)$")
      set(group net_inputs)
    elseif(group MATCHES "^(net|net_layers)$")
      set(group net)
    elseif(group MATCHES "^(core|capi|quant|ops)")
      set(group basis)
    endif()
    foreach(g IN ITEMS apart also_apart)
      if(name IN_LIST PYFFNN_UNITY_${g})
        set(group ${g})
      endif()
    endforeach()
    if(name IN_LIST PYFFNN_UNITY_ALONE)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    else()
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    endif()
  endforeach()
endfunction()

# pyffnn_read_once(<target> <header>...): the headers of a target of many small files. A cache of the compiler's does not keep such objects.
function(pyffnn_read_once target)
  if(PYFFNN_UNITY)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()
