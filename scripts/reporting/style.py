"""How the page looks: on a desk, on a phone, at night, on paper."""

STYLE = """
:root{--page:#f6f7f9;--card:#fff;--ink:#1d2430;--soft:#5d6778;--grid:#e4e8ee;--wait:#e8a33d;--review:#3f7ee8;--merge:#38a37c;--good:#1f7a45;--none:#aab4c3;--draft:#8f7fc9;--bad:#cf4747;--area:#cf474722;--link:#2b62c4}
@media(prefers-color-scheme:dark){:root{--page:#12161d;--card:#1b212b;--ink:#e8ecf2;--soft:#9aa5b6;--grid:#2b3340;--wait:#d9963a;--review:#5b91ee;--merge:#45b38a;--good:#5fc58a;--none:#566173;--draft:#8d80c4;--bad:#e46a6a;--area:#e46a6a2b;--link:#8db4f7}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Open Sans",sans-serif}
main{max-width:880px;margin:0 auto;padding:36px 20px}h1{margin:0;font-size:30px;letter-spacing:-.02em}header p,footer,section>p{color:var(--soft)}header p{margin:4px 0 22px}
section{background:var(--card);border-radius:12px;padding:20px 24px;margin:0 0 18px;box-shadow:0 1px 3px #0001}h2{margin:0;font-size:18px}section>p{margin:2px 0 14px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(160px,1fr));gap:16px}.figures div{display:flex;flex-direction:column}.figures b{font-size:28px;letter-spacing:-.02em}.figures span{color:var(--soft)}.figures i{font-style:normal;font-size:13px}
.good{color:var(--good)}.worse{color:var(--bad)}.same{color:var(--soft)}
/* Right to left, so that a frame too narrow shows the newest week first. */
.chart{overflow-x:auto}.newest{direction:rtl}.newest svg{direction:ltr}svg{width:100%;min-width:740px;height:auto;display:block}svg text{font-size:12px;fill:var(--soft)}svg .name{fill:var(--ink)}.grid{stroke:var(--grid)}.line{fill:none;stroke:var(--ink);stroke-width:2}.dot{fill:var(--card);stroke:var(--ink);stroke-width:2}.bad.line,.bad.dot{stroke:var(--bad)}.area{fill:var(--area)}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;margin:10px 0 0;font-size:13px}.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px}.legend .stroke{height:2px;background:var(--ink);vertical-align:middle}
section{overflow-x:auto}table{width:100%;border-collapse:collapse;font-size:14px}th{text-align:left;color:var(--soft);font-weight:500;font-size:13px}td{overflow-wrap:anywhere}td,th{padding:7px 10px 7px 0;border-bottom:1px solid var(--grid);vertical-align:top}small{display:block;color:var(--soft);overflow-wrap:anywhere}a{color:var(--link);text-decoration:none}
.risk td:first-child{width:86px}.risk td:nth-child(2){min-width:170px}
.parts{display:flex;width:170px;height:14px;border-radius:3px;overflow:hidden;margin-top:4px}.groups{margin-top:14px}.groups td:first-child{font-weight:500}section .figures{margin:0 0 16px}section .figures b{font-size:22px}
.score{width:86px}.score i{display:block;height:4px;border-radius:2px;background:var(--merge)}.score.medium i{background:var(--wait)}.score.high i{background:var(--bad)}
@media(max-width:600px){.figures{grid-template-columns:1fr 1fr}thead{display:none}tr{display:grid;grid-template-columns:64px 1fr;padding:8px 0;border-bottom:1px solid var(--grid)}td{border:0;padding:1px 0}td+td{grid-column:2}td.score{width:52px}.groups tr{display:block}.groups td{display:flex;justify-content:space-between;gap:12px;grid-column:auto}.groups td+td{text-align:right}.groups td+td::before{content:attr(data-name);color:var(--soft);white-space:nowrap}}
footer{font-size:13px}@media print{body{background:#fff}section{box-shadow:none;break-inside:avoid}}
"""
