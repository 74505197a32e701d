include "../capi.pxd"
