
6
scope/flagsPlaceholder*
dtype0
*
shape:
%
outIdentityscope/flags*
T0
"ª