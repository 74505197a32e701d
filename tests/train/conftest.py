import pytest

import pyffnn


@pytest.fixture(params=pyffnn.available_isas())
def isa(request):
    with pyffnn.use_isa(request.param):
        yield request.param
