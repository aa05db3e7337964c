-- One order a request.
package.path = debug.getinfo(1, "S").source:match("@(.*/)") .. "?.lua;" .. package.path
local common = require("common")
setup, done = common.setup, common.done

function init(args)
    common.init(args)
end

function request()
    return wrk.format("POST", "/v1/orders", common.headers, common.order())
end
