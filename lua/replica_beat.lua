-- replica_beat: say that a replica lives and how it is, and take what was ordered of it.
--
-- KEYS  1 hb:{service}:{replica}  hash  version covers status report
--       2 hb:replicas  zset  service:replica -> Redis ms of its last beat
--       3 ctl:{replica}  list  orders, oldest first
-- ARGV  1 service:replica   2 version   3 covers   4 status   5 report
--       6 ms after which a silent replica is forgotten
-- Returns {"ok", now (Redis ms), orders, members of hb:replicas and their ms in turn}

local beat, replicas, orders = KEYS[1], KEYS[2], KEYS[3]
local name, version, covers, status, report = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local forget_ms = tonumber(ARGV[6])

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('PERSIST', replicas) -- so that a full Redis hears it too; see kernel.lua
redis.call('HSET', beat, 'version', version, 'covers', covers, 'status', status, 'report', report)
redis.call('PEXPIRE', beat, forget_ms)
redis.call('ZADD', replicas, string.format('%.0f', now_ms), name)
redis.call('ZREMRANGEBYSCORE', replicas, '-inf', string.format('(%.0f', now_ms - forget_ms))

local ordered = redis.call('LRANGE', orders, 0, -1)
redis.call('DEL', orders)
local members = redis.call('ZRANGE', replicas, 0, -1, 'WITHSCORES')
return { 'ok', string.format('%.0f', now_ms), ordered, members }
