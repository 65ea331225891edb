/** A numbered statement of the paper. */
export interface NumberedStatement {
  readonly name: string;
  /** Why no row checks it; absent where one does (a row names it among its sources). */
  readonly noRow?: string;
}

const realizability = "an assumption: the classes of the rows that need it are made to contain that policy";

/**
 * Every numbered definition, assumption, algorithm, proposition, theorem, lemma, corollary, example and remark of arXiv 2412.01951,
 * appendices included, in the paper's order. A test holds it against the rows.
 */
export const numberedStatements: readonly NumberedStatement[] = [
  { name: "Definition 3.1" },
  { name: "Proposition 3.1" },
  { name: "Definition 3.2" },
  { name: "Theorem 3.1" },
  { name: "Remark 3.1", noRow: "a pointer to Definition F.1, which rows use" },
  { name: "Assumption 4.1", noRow: realizability },
  { name: "Theorem 4.1" },
  { name: "Remark 4.1", noRow: "prose on what the assumptions mean" },
  { name: "Assumption 4.2" },
  { name: "Assumption 4.3", noRow: realizability },
  { name: "Lemma 4.1" },
  {
    name: "Assumption 4.4",
    noRow:
      "an assumption: C_conc is computed exactly for each class, and finite classes of full support have a finite C_loss",
  },
  { name: "Theorem 4.2" },
  {
    name: "Assumption 4.5",
    noRow: "an assumption: every instance is finite and of full support, so that R_max is finite",
  },
  { name: "Theorem 4.3" },
  { name: "Proposition C.1" },
  { name: "Assumption D.1", noRow: realizability },
  { name: "Theorem D.1" },
  { name: "Definition D.1" },
  { name: "Theorem D.2" },
  { name: "Proposition E.1" },
  { name: "Proposition E.2" },
  { name: "Definition F.1" },
  { name: "Lemma F.1" },
  { name: "Lemma F.2" },
  { name: "Lemma F.3" },
  { name: "Corollary F.1" },
  { name: "Theorem 3.1′" },
  { name: "Lemma H.1" },
  { name: "Lemma H.2" },
  { name: "Lemma H.3" },
  { name: "Lemma H.4" },
  { name: "Theorem 4.1′" },
  { name: "Lemma I.1" },
  { name: "Assumption J.1" },
  { name: "Assumption J.2" },
  { name: "Lemma 4.1′" },
  { name: "Theorem 4.2′" },
  { name: "Lemma J.1" },
  { name: "Lemma J.2" },
  { name: "Lemma J.3" },
  { name: "Assumption J.3" },
  { name: "Assumption J.4" },
  { name: "Definition J.1" },
  { name: "Definition J.2" },
  { name: "Algorithm 1" },
  { name: "Theorem J.1" },
  { name: "Theorem J.2" },
  { name: "Definition J.3" },
  { name: "Theorem J.3" },
  { name: "Example J.1" },
  { name: "Lemma J.4" },
  { name: "Lemma J.5" },
];
