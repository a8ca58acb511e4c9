-- position_modify: give an open position other stops, good from the next tick on.
--
-- KEYS  1 to 20 as in positions.lua   21 watch:{idx}
-- ARGV  1 event id   2 uid   3 now (calendar ms)   4 version the owner knows
--       5 stop-loss   6 take-profit   7 trailing distance   (1e-4 coin, '' for none, '=' as it is)
-- Returns {"ok", stream id, fact} | {"refused", code, name, value, ...}
-- Twin: domain/changing.py restopped(); compared in tests/lua/test_position_modify.py

local event, uid, now_ms, version = unpack(ARGV, 1, 4)

local pos, inst = load_position(), load_instrument(KEYS[1], 'bid', 'ask', 'mark')
if not (pos and pos.uid == uid and inst) then return refused('POSITION_UNKNOWN') end
if pos.qty == 0 then return refused('POSITION_CLOSED', 'reason', pos.why) end
if version ~= text(pos.no) then return refused('VERSION_MISMATCH', 'version', text(pos.no)) end
if not quiet(pos, KEYS[21]) then return refused('SCAN_FIRST') end
-- A stop that the next price after the halt will hit must not be pulled meanwhile.
if inst.halt % 16 ~= 0 then return halted(inst) end

local trail = pos.trail
for n, field in ipairs({'sl', 'tp', 'trail'}) do
  if ARGV[4 + n] ~= '=' then pos[field] = tonumber(ARGV[4 + n]) end
end
local bad = stops_refusal(pos, inst)
if bad then return bad end
if not pos.trail then pos.best = nil
elseif pos.trail ~= trail then pos.best = pos.sign > 0 and inst.bid or inst.ask end
pos.ctick, pos.cs = inst.tid, inst.seq

local wallet, treasury = load_wallet(KEYS[2]), load_wallet(KEYS[3])
move(pos, wallet, treasury, 0, 0)
return record({
  'k', 'change', 'event', event, 'tqty', '0', 'px', '', 'val', '0', 'fee', '0', 'pnl', '0',
  'loss', '0', 'dm', '0', 'by', 'client', 'reason', '', 'ttick', '', 'tquote', '', 'tlevel', '',
  'tf', '', 'approx', '0', 'idem', '', 'fp', '', 'coid', '', 'ms', now_ms,
}, {inst = inst, wallet = wallet, treasury = treasury, pos = pos, grown = 0,
  name = 'position_updated'})
