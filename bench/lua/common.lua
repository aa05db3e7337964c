-- What the scripts share. Run as `wrk … -s SCRIPT URL -- KEY PREFIX SKUS KIND BULK`: the API key, what every number begins
-- with, how many SKUs there are, "uniform" or "hot", and orders a body. Numbers are unique: prefix, thread, counter.
local common = {}

local threads = 0
function common.setup(thread)
    thread:set("number_of_thread", threads)
    threads = threads + 1
end

function common.init(args)
    common.prefix = args[2] .. number_of_thread .. "-"
    common.skus = tonumber(args[3])
    common.hot = args[4] == "hot"
    common.bulk = tonumber(args[5])
    common.counter = 0
    common.headers = { ["Authorization"] = "Bearer " .. args[1], ["Content-Type"] = "application/json" }
    math.randomseed(number_of_thread * 7919 + #args[2] * 104729 + (tonumber(args[2]:match("%d+")) or 0))
end

function common.next()
    common.counter = common.counter + 1
    return common.prefix .. common.counter
end

-- Two different SKUs: one of each half; or the hot one, which lies at one location, and any.
function common.pair()
    local half = math.floor(common.skus / 2)
    local second = string.format("S%06d", math.random(half + 1, common.skus))
    if common.hot then
        return "HOT", second
    end
    return string.format("S%06d", math.random(1, half)), second
end

local order = '{"channel":"web","number":"%s","currency":"GBP","customer":{"name":"Ada Byron","email":"ada@example.test",'
    .. '"phone":"+447700900123"},"ship_to":{"name":"Ada Byron","street":"1 High Street","city":"London",'
    .. '"postcode":"N1 1AA","country":"GB"},"service":"standard","lines":[{"sku":"%s","quantity":1,"unit_price_minor":995},'
    .. '{"sku":"%s","quantity":1,"unit_price_minor":1995}],"shipping_minor":395,"total_minor":3385,'
    .. '"payment":{"authorization_reference":"auth-%s"}}'
function common.order()
    local number = common.next()
    local first, second = common.pair()
    return string.format(order, number, first, second, number)
end

-- One JSON object on the last line of stdout.
function common.done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%.6f,"bytes":%d,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}\n',
        summary.requests, summary.duration / 1e6, summary.bytes, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end

return common
