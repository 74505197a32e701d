# The arch table. One row an ISA: its name (also the C++ namespace and the dispatch name), its compile flags, its sources.
# Every ISA compiles the same kernel sources; `amx` only adds its matrix-product kernels and takes the rest from avx512.

set(PYFFNN_KERNEL_SOURCES
    kernels/activations.cpp
    kernels/columns.cpp
    kernels/curves.cpp
    kernels/embedding.cpp
    kernels/gemm_f32.cpp
    kernels/gemm_f64.cpp
    kernels/linear_descent.cpp
    kernels/norm.cpp
    kernels/optim.cpp
    kernels/pool_extremes.cpp
    kernels/random.cpp
    kernels/row_grads.cpp
    kernels/row_step.cpp
    kernels/peak.cpp
    kernels/softmax.cpp
    kernels/table.cpp
    kernels/text.cpp)

# On bf16 tiles: the `amx` object, and `amx_emulated`, the same file on any machine, for tests.
set(PYFFNN_TILE_SOURCES kernels/gemm_amx.cpp)

# At least -O2 even in Debug: an unoptimised micro-kernel spills every accumulator. No LTO: it may move ISA code into the baseline.
set(PYFFNN_KERNEL_OPTIMISE -O3)
if(PYFFNN_SANITIZE)
  set(PYFFNN_KERNEL_OPTIMISE -O1)
endif()
set(PYFFNN_KERNEL_FLAGS
    ${PYFFNN_KERNEL_OPTIMISE}
    -ffp-contract=off
    -fno-math-errno
    -fno-trapping-math
    -fno-lto
    -fvisibility=hidden
    -fno-exceptions
    -fno-rtti
    -fno-asynchronous-unwind-tables)

set(PYFFNN_ISAS reference)
set(PYFFNN_FLAGS_reference -O1)
# On macOS one compiler builds for either processor, and says which by this list.
set(PYFFNN_PROCESSOR ${CMAKE_SYSTEM_PROCESSOR})
if(APPLE AND CMAKE_OSX_ARCHITECTURES)
  list(LENGTH CMAKE_OSX_ARCHITECTURES count)
  if(count GREATER 1)
    message(FATAL_ERROR "CMAKE_OSX_ARCHITECTURES: one at a time, got ${CMAKE_OSX_ARCHITECTURES}; the kernels are built for one processor")
  endif()
  set(PYFFNN_PROCESSOR ${CMAKE_OSX_ARCHITECTURES})
endif()
if(PYFFNN_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  list(APPEND PYFFNN_ISAS sse2 avx2 avx512 amx)
  set(PYFFNN_FLAGS_sse2 "")
  set(PYFFNN_FLAGS_avx2 -mavx2 -mfma -mf16c)
  set(PYFFNN_FLAGS_avx512 ${PYFFNN_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512)
  set(PYFFNN_FLAGS_amx ${PYFFNN_FLAGS_avx512} -mavx512bf16 -mamx-tile -mamx-bf16)
elseif(PYFFNN_PROCESSOR MATCHES "^(aarch64|arm64)$")
  list(APPEND PYFFNN_ISAS neon)
  set(PYFFNN_FLAGS_neon "")
endif()
if(PYFFNN_ONLY_ISAS)
  foreach(isa IN LISTS PYFFNN_ONLY_ISAS)
    if(NOT isa MATCHES "^(reference|sse2|avx2|avx512|amx|neon)$")
      message(FATAL_ERROR "PYFFNN_ONLY_ISAS: there is no '${isa}'")
    endif()
  endforeach()
  if("amx" IN_LIST PYFFNN_ONLY_ISAS AND NOT "avx512" IN_LIST PYFFNN_ONLY_ISAS)
    message(FATAL_ERROR "PYFFNN_ONLY_ISAS: 'amx' takes most kernels from 'avx512'")
  endif()
  foreach(isa IN LISTS PYFFNN_ISAS)
    if(NOT isa STREQUAL "reference" AND NOT isa IN_LIST PYFFNN_ONLY_ISAS)
      list(REMOVE_ITEM PYFFNN_ISAS ${isa})
    endif()
  endforeach()
endif()
if(PYFFNN_HOOKS)
  list(APPEND PYFFNN_ISAS amx_emulated)
endif()
set(PYFFNN_FLAGS_amx_emulated "")

# pyffnn_add_isa(<isa>): one OBJECT library `pyffnn_<isa>` over the sources of the ISA.
function(pyffnn_add_isa isa)
  set(sources ${PYFFNN_KERNEL_SOURCES})
  if(isa MATCHES "^amx")
    set(sources ${PYFFNN_TILE_SOURCES})
  endif()
  add_library(pyffnn_${isa} OBJECT ${sources})
  target_compile_features(pyffnn_${isa} PRIVATE cxx_std_17)
  target_compile_options(pyffnn_${isa} PRIVATE ${PYFFNN_WARNINGS} ${PYFFNN_KERNEL_FLAGS} ${PYFFNN_FLAGS_${isa}})
  target_compile_definitions(pyffnn_${isa} PRIVATE PYFFNN_ISA=${isa} PYFFNN_ISA_IS_${isa}=1)
  target_include_directories(pyffnn_${isa} PRIVATE ${PROJECT_SOURCE_DIR}/src/cpp)
  set_target_properties(pyffnn_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON INTERPROCEDURAL_OPTIMIZATION OFF)
  if(NOT isa MATCHES "^(reference|amx.*)$")  # which have no intrinsics, or one file
    pyffnn_read_once(pyffnn_${isa} ${PROJECT_SOURCE_DIR}/src/cpp/simd/vec.h)
  endif()
endfunction()
