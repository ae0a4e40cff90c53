import { text } from "../text";

interface CurveProps {
  /** Pictures that taught -> mean IoU; 0: the base. */
  curve: Record<string, number>;
  label: string;
  base: string;
}

const [WIDTH, HEIGHT] = [300, 170];
const [LEFT, RIGHT, TOP, BOTTOM] = [38, 12, 12, 34];

/** Places on the drawing of the pictures that taught; the base is a level line. */
export function placesOf(curve: Record<string, number>) {
  const points = Object.entries(curve)
    .map(([n, iou]) => ({ n: Number(n), iou }))
    .sort((a, b) => a.n - b.n);
  const [low, high] = [Math.min(...points.map((p) => p.iou)), Math.max(...points.map((p) => p.iou))];
  const room = Math.max((high - low) * 0.15, 0.01);
  const most = Math.max(...points.map((p) => p.n), 1);
  const x = (n: number) => LEFT + (n / most) * (WIDTH - LEFT - RIGHT);
  const y = (iou: number) =>
    HEIGHT - BOTTOM - ((iou - low + room) / (high - low + 2 * room)) * (HEIGHT - TOP - BOTTOM);
  return points.map(({ n, iou }) => ({ n, iou, x: x(n), y: y(iou) }));
}

/** How far the pack comes with more pictures. */
export function Curve({ curve, label, base }: CurveProps) {
  const places = placesOf(curve);
  const taught = places.filter(({ n }) => n > 0);
  const level = places.find(({ n }) => n === 0);
  const words = places.map(({ n, iou }) => `${n ? text.value.pictures(n) : base}: ${iou.toFixed(3)}`);
  return (
    <figure>
      <svg
        class="curve"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`${label}. ${words.join(", ")}`}
      >
        <path class="axis" d={`M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}`} />
        {level && (
          <>
            <path class="level" d={`M${LEFT} ${level.y}H${WIDTH - RIGHT}`} />
            <text x={LEFT - 5} y={level.y + 4} text-anchor="end">
              {level.iou.toFixed(2)}
            </text>
          </>
        )}
        <polyline points={taught.map(({ x, y }) => `${x},${y}`).join(" ")} />
        {taught.map(({ n, iou, x, y }) => (
          <g key={n}>
            <circle cx={x} cy={y} r="4" />
            <text x={x} y={HEIGHT - BOTTOM + 14} text-anchor="middle">
              {n}
            </text>
            <text x={x} y={y - 7} text-anchor={n === taught.at(-1)?.n ? "end" : "middle"}>
              {iou.toFixed(2)}
            </text>
          </g>
        ))}
        <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 4} text-anchor="middle">
          {text.value.refine.taught}
        </text>
      </svg>
      <figcaption class="soft">{label}</figcaption>
    </figure>
  );
}
