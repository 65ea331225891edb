import type { Row } from "../row.js";
import { exampleJ1 } from "./example-j-1.js";
import { corF1, lemmaF3 } from "./freedman.js";
import { lemmaH1, lemmaH2, lemmaH3, lemmaH4 } from "./hard-lemmas.js";
import { lemma41Gamma } from "./lemma-4-1-gamma.js";
import { lemma41 } from "./lemma-4-1.js";
import { lemmaF1 } from "./lemma-f-1.js";
import { lemmaF2 } from "./lemma-f-2.js";
import { lemmaI1 } from "./lemma-i-1.js";
import { lemmaJ3 } from "./lemma-j-3.js";
import { lemmaJ4 } from "./lemma-j-4.js";
import { lemmaJ5 } from "./lemma-j-5.js";
import { thm31, thmD2 } from "./lower-bounds.js";
import { prop31 } from "./prop-3-1.js";
import { propC1 } from "./prop-c-1.js";
import { propE1 } from "./prop-e-1.js";
import { propE2 } from "./prop-e-2.js";
import { lemmaJ1, lemmaJ2 } from "./reward-tails.js";
import { thm41 } from "./thm-4-1.js";
import { thm42Gamma } from "./thm-4-2-gamma.js";
import { thm42 } from "./thm-4-2.js";
import { thm43 } from "./thm-4-3.js";
import { thmD1 } from "./thm-d-1.js";
import { thmJ1 } from "./thm-j-1.js";

/** Every statement that the lab checks, in the paper's order. A new one is a file in this folder and a line here. */
export const rows: readonly Row[] = [
  prop31,
  thm31,
  thm41,
  lemma41,
  thm42,
  thm43,
  propC1,
  thmD1,
  thmD2,
  propE1,
  propE2,
  lemmaF1,
  lemmaF2,
  lemmaF3,
  corF1,
  lemmaH1,
  lemmaH2,
  lemmaH3,
  lemmaH4,
  lemmaI1,
  lemma41Gamma,
  thm42Gamma,
  lemmaJ1,
  lemmaJ2,
  lemmaJ3,
  thmJ1,
  exampleJ1,
  lemmaJ4,
  lemmaJ5,
];
