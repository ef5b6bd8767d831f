// Times on the chart in the person's zone. Data stays in seconds of UTC; only what is
// written, and where a day begins, follows the zone.

const { TickMarkType } = LightweightCharts;
// What lightweight-charts calls the weights of its labels.
const WEIGHT = { second: 10, minute: 20, five: 21, half: 22, hour: 30, three: 31, six: 32, twelve: 33, day: 50, month: 60, year: 70 };

export class Zone {
  constructor(language, zone) {
    const format = (options) => new Intl.DateTimeFormat(language, { timeZone: zone, hourCycle: "h23", ...options });
    this.parts = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    this.formats = {
      [TickMarkType.Year]: format({ year: "numeric" }),
      [TickMarkType.Month]: format({ month: "short" }),
      [TickMarkType.DayOfMonth]: format({ day: "numeric", month: "short" }),
      [TickMarkType.Time]: format({ hour: "2-digit", minute: "2-digit" }),
      [TickMarkType.TimeWithSeconds]: format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    };
    this.whole = format({ year: "numeric", month: "short", day: "2-digit", weekday: "short", hour: "2-digit", minute: "2-digit" });
    this.short = format({ month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit" });
    this.offsets = new Map();
  }

  // Difference to UTC in seconds. Zones change theirs on quarters of an hour only.
  offset(seconds) {
    const quarter = Math.floor(seconds / 900);
    let found = this.offsets.get(quarter);
    if (found === undefined) {
      const part = Object.fromEntries(this.parts.formatToParts(quarter * 900000).map(({ type, value }) => [type, Number(value)]));
      found = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) / 1000 - quarter * 900;
      this.offsets.set(quarter, found);
    }
    return found;
  }

  tick(seconds, type) {
    return this.formats[type].format(seconds * 1000);
  }

  text(seconds) {
    return this.whole.format(seconds * 1000);
  }

  brief(seconds) {
    return this.short.format(seconds * 1000);
  }

  // From what a datetime-local field holds to seconds of UTC, NaN when it holds nothing.
  parse(text) {
    const wall = Date.parse(`${text}Z`) / 1000;
    const guess = wall - this.offset(wall);
    return wall - this.offset(guess);
  }

  // The other way round.
  field(seconds) {
    return new Date((seconds + this.offset(seconds)) * 1000).toISOString().slice(0, 16);
  }
}

function weightBetween(before, now) {
  const one = new Date(before * 1000);
  const two = new Date(now * 1000);
  if (one.getUTCFullYear() !== two.getUTCFullYear()) return WEIGHT.year;
  if (one.getUTCMonth() !== two.getUTCMonth()) return WEIGHT.month;
  if (one.getUTCDate() !== two.getUTCDate()) return WEIGHT.day;
  const steps = [[43200, WEIGHT.twelve], [21600, WEIGHT.six], [10800, WEIGHT.three], [3600, WEIGHT.hour], [1800, WEIGHT.half], [300, WEIGHT.five], [60, WEIGHT.minute]];
  const crossed = steps.find(([length]) => Math.floor(before / length) !== Math.floor(now / length));
  return crossed ? crossed[1] : WEIGHT.second;
}

// The scale of lightweight-charts, with days, months and years of the zone instead of
// those of UTC.
export function zonedScale(zone) {
  const Base = LightweightCharts.defaultHorzScaleBehavior();
  return new (class extends Base {
    fillWeightsForPoints(points, first) {
      super.fillWeightsForPoints(points, first);
      for (let index = Math.max(first, 1); index < points.length; index += 1) {
        const [before, now] = [points[index - 1].originalTime, points[index].originalTime];
        points[index].timeWeight = weightBetween(before + zone.offset(before), now + zone.offset(now));
      }
    }
  })();
}
