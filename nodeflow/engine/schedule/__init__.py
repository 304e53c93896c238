"""What a run computes, and in which order: the schedule that both tiers execute.

`schedule` prunes a graph to what the fetches need and resolves every read and assign of a variable;
`stabilise` rewrites logarithms of probabilities in it. May be imported from everywhere in the
engine; must not import any other folder of it.
"""
