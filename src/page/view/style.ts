/** What the viewer's page has beside the report's style sheet. */
export const VIEW_STYLE = `
#main h1{margin:10px 0 14px}
.trouble{color:var(--orange);font-weight:600}
.kicker{margin:6px 0}
.standing{display:flex;flex-wrap:wrap;gap:6px 16px;align-items:center;margin:0 0 10px;max-width:none;font-size:.9375rem}
.state{font-size:.8125rem;font-weight:650;color:var(--muted)}
.state::before{content:"";display:inline-block;width:8px;height:8px;border-radius:50%;background:currentColor;margin-right:7px}
.state.drawing,.state.training,.state.measuring{color:var(--blue)}.state.done{color:var(--green)}.state.stopped{color:var(--orange)}
.progress{font-size:.8125rem;color:var(--muted);white-space:nowrap}
td .progress{display:block}
progress,meter{width:92px;height:10px;vertical-align:-1px;accent-color:var(--blue)}
.tabs{display:flex;gap:22px;border-bottom:1px solid var(--hairline);margin-bottom:14px}
.tabs a{padding:8px 0;text-decoration:none;font-weight:600;border-bottom:3px solid transparent}
.tabs a[aria-current]{border-color:var(--accent);color:var(--text)}
.runs td,.runs th{text-align:left}
.runs td:nth-child(5){text-align:right}
.runs .found{white-space:normal;min-width:20em;color:var(--muted);font-size:.8438rem}
.runs td:first-child{width:34px}
.choosing{display:flex;gap:14px;align-items:center;margin-bottom:10px;max-width:none}
button{font:inherit;font-size:.9375rem;color:var(--text);background:var(--page);border:1px solid var(--control);border-radius:6px;padding:6px 14px;cursor:pointer}
button:disabled{color:var(--muted);border-color:var(--hairline);cursor:default}
.narrowing{display:flex;flex-wrap:wrap;gap:12px 24px;align-items:end;margin:0 0 12px}
.prompt-box{height:max(340px,calc(100vh - 330px));overflow-y:auto;border-top:1px solid var(--hairline);border-bottom:1px solid var(--hairline);overflow-anchor:none;contain:strict}
.spacer{position:relative;overflow:hidden}
.prompt-row{display:flex;align-items:center;border-bottom:1px solid var(--hairline);overflow:hidden}
.prompt-link{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:2px 28px;align-items:baseline;width:100%;padding:0 8px;color:var(--text);text-decoration:none}
.prompt-row:hover{background:var(--panel)}
.prompt-link:focus-visible{outline-offset:-2px}
.turning{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;margin:10px 0;font-size:.9375rem;color:var(--muted)}
.prompt-title{font-size:1.25rem}
.answer-group{border-top:1px solid var(--hairline)}
.answer-group>summary{display:grid;grid-template-columns:168px minmax(0,1fr) auto minmax(0,18em);gap:4px 18px;align-items:baseline;padding:9px 4px;list-style-position:inside}
.answer-text{font:.875rem/1.5 var(--mono);overflow-wrap:anywhere}
.answer-count{white-space:nowrap}.answer-count b{display:inline-block;min-width:3.2em;text-align:right}
.takers{font-size:.8125rem;color:var(--muted)}
.answer-group .scroll{padding:0 0 14px 20px}
.texts{width:100%}.texts tbody th.text{min-width:24em}.report .kicker{display:none}
.suite .hero,.suite figure{display:block}.suite figcaption{max-width:68ch;margin-bottom:14px}.suite h3{margin:28px 0 6px}
.compared{width:100%;margin-top:8px}
.compared td,.compared th{white-space:normal}
@media (max-width:900px){.prompt-link{grid-template-columns:minmax(0,1fr)}.prompt-link .prompt-text{white-space:nowrap}.prompt-link .facts{max-height:3em;overflow:hidden}.fact{min-width:0}}
@media (max-width:640px){.answer-group>summary{grid-template-columns:auto minmax(0,1fr) auto}.takers{grid-column:1/-1}.answer-group .scroll{padding-left:0}.runs th:first-child{position:static}.prompt-box{height:calc(100vh - 260px)}}
`;
