include "include/capi.pxd"
