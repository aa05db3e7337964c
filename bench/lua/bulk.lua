-- Many orders a request, one a line.
package.path = debug.getinfo(1, "S").source:match("@(.*/)") .. "?.lua;" .. package.path
local common = require("common")
setup, done = common.setup, common.done

function init(args)
    common.init(args)
    common.headers["Content-Type"] = "application/x-ndjson"
end

function request()
    local lines = {}
    for place = 1, common.bulk do
        lines[place] = common.order()
    end
    return wrk.format("POST", "/v1/orders:batch", common.headers, table.concat(lines, "\n"))
end
