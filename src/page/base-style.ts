import { cssVariables } from "./palette.js";

/** What every page's style sheet begins with: colours of both modes, system fonts, headings, notes, focus, print. */
export const BASE_STYLE = `
:root{color-scheme:light dark;${cssVariables("light")}
--sans:-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,system-ui,sans-serif;
--mono:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{${cssVariables("dark")}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.6 var(--sans);font-variant-numeric:tabular-nums;overflow-wrap:break-word}
.wrap{max-width:1096px;margin:0 auto;padding:0 28px}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
.skip{position:absolute;left:-999em}
.skip:focus{left:16px;top:12px;background:var(--page);padding:6px 12px;z-index:1}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
h1,h2,h3{line-height:1.2;text-wrap:balance;margin:0}
h1{font-size:clamp(1.75rem,1.2rem + 2.4vw,2.75rem);font-weight:700;letter-spacing:-.022em;max-width:24ch;line-height:1.12}
h2{font-size:1.5rem;font-weight:700;letter-spacing:-.014em;margin-bottom:.75rem}
h3{font-size:1.0625rem;font-weight:650;margin-bottom:.5rem}
p{margin:0 0 1em;max-width:68ch;text-wrap:pretty}
code,pre{font-family:var(--mono)}
code{font-size:.9em}
.note{color:var(--muted);font-size:.875rem;line-height:1.55}
.masthead{display:flex;flex-wrap:wrap;gap:4px 28px;align-items:baseline;padding:22px 0;font-size:.875rem;color:var(--muted)}
.masthead b{color:var(--text);font-weight:700;letter-spacing:-.01em;font-size:1rem}
.masthead nav{margin-left:auto}
.masthead ul{display:flex;flex-wrap:wrap;gap:2px 18px;list-style:none;margin:0;padding:0}
.scroll{overflow-x:auto;max-width:100%;position:relative}
label,legend{font-size:.875rem}
.field{display:flex;flex-direction:column;gap:5px}
.field label,legend{color:var(--muted)}
input,select,textarea{font:inherit;font-size:1rem;color:var(--text);background:var(--page);border:1px solid var(--control);border-radius:6px;padding:8px 11px;min-height:42px;width:100%}
input[type=checkbox]{width:18px;height:18px;min-height:0;margin:0;padding:0;accent-color:var(--accent)}
footer{padding:64px 0 72px;color:var(--muted);font-size:.875rem}
@media (max-width:640px){.wrap{padding:0 18px}.masthead nav{margin-left:0;width:100%}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media print{.masthead nav,.skip{display:none}body{font-size:11pt}}
`;
